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
        guard let (user, group) = entry(named: name, { ($0.pw_uid, $0.pw_gid) }) else {
            return nil
        }
        var groups = [gid_t](repeating: 0, count: groupsMax)
        var count = Int32(groupsMax)
        if getgrouplist(name, group, &groups, &count) < 0 { count = Int32(groupsMax) }
        return SpawnPlan.User(
            user: user,
            group: group,
            supplementary: Array(groups.prefix(Int(max(0, count))))
        )
    }

    /// Its home folder.
    static func home(named name: String) -> String? {
        entry(named: name) { String(cString: $0.pw_dir) }
    }

    /// The number of a named group.
    static func group(named name: String) -> UInt32? {
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 65_536)
        let isKnown = buffer.withUnsafeMutableBufferPointer {
            getgrnam_r(name, &entry, $0.baseAddress!, $0.count, &found) == 0 && found != nil
        }
        return isKnown ? entry.gr_gid : nil
    }

    static func name(ofUser number: uid_t) -> String? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        return buffer.withUnsafeMutableBufferPointer { buffer in
            guard getpwuid_r(number, &entry, buffer.baseAddress!, buffer.count, &found) == 0,
                found != nil
            else { return nil }
            return String(cString: entry.pw_name)
        }
    }

    static func name(ofGroup number: gid_t) -> String? {
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 65_536)
        return buffer.withUnsafeMutableBufferPointer { buffer in
            guard getgrgid_r(number, &entry, buffer.baseAddress!, buffer.count, &found) == 0,
                found != nil
            else { return nil }
            return String(cString: entry.gr_name)
        }
    }

    private static func entry<Result>(
        named name: String,
        _ body: (passwd) -> Result
    ) -> Result? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        return buffer.withUnsafeMutableBufferPointer { buffer in
            guard getpwnam_r(name, &entry, buffer.baseAddress!, buffer.count, &found) == 0,
                found != nil
            else { return nil }
            return body(entry)
        }
    }

    /// The number of a named account.
    static func number(of name: String) -> UInt32? {
        user(named: name)?.user
    }
}
