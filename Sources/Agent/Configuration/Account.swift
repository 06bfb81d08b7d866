import Glibc
import Host

/// Accounts of this machine.
enum Account {
    /// Supplementary groups of one account; further ones are not taken.
    static let groupsMax = 1_024

    /// What a program that runs as this account is started with.
    ///
    /// - Returns: nil when there is no such account.
    static func user(named name: String) -> SpawnPlan.User? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        let isKnown = buffer.withUnsafeMutableBufferPointer {
            getpwnam_r(name, &entry, $0.baseAddress!, $0.count, &found) == 0 && found != nil
        }
        guard isKnown else { return nil }
        var groups = [gid_t](repeating: 0, count: groupsMax)
        var count = Int32(groupsMax)
        if getgrouplist(name, entry.pw_gid, &groups, &count) < 0 { count = Int32(groupsMax) }
        return SpawnPlan.User(
            user: entry.pw_uid,
            group: entry.pw_gid,
            supplementary: Array(groups.prefix(Int(max(0, count))))
        )
    }

    /// The number of a named account.
    static func number(of name: String) -> UInt32? {
        user(named: name)?.user
    }
}
