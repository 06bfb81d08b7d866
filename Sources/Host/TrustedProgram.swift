import CHost
import Glibc

/// A program file that nobody but root and ourselves could have put there or can replace.
public final class TrustedProgram {
    /// What is let pass beside the plain rule: every component of the path belongs to root or to
    /// us, only its owner may write it, and none is a symbolic link.
    public struct Rules: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32

        public init(rawValue: UInt32) {
            self.rawValue = rawValue
        }

        /// Follows symbolic links that are themselves trusted, as in `/usr/bin/java`.
        public static let followsTrustedLinks = Rules(rawValue: 1)
        /// Passes a sticky folder such as `/tmp` when what is named in it is trusted. For
        /// installations of one user and for tests.
        public static let passesStickyFolders = Rules(rawValue: 2)
    }

    /// Where the program is, after all links.
    public let path: String
    let found: UnsafeMutablePointer<muster_trusted>

    /// Walks the path and checks every component of it.
    ///
    /// - Throws: a ``HostError`` that names the component that is not trusted and the mend.
    public init(_ path: String, rules: Rules = []) throws(HostError) {
        let found = UnsafeMutablePointer<muster_trusted>.allocate(capacity: 1)
        guard muster_open_trusted(path, rules.rawValue, found) == 0 else {
            let error = TrustedProgram.refusal(found, path: path)
            found.deallocate()
            throw error
        }
        self.found = found
        self.path = withUnsafeBytes(of: &found.pointee.path) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    deinit {
        close(found.pointee.file)
        close(found.pointee.folder)
        found.deallocate()
    }

    private static func refusal(
        _ found: UnsafeMutablePointer<muster_trusted>,
        path: String
    ) -> HostError {
        let place = withUnsafeBytes(of: &found.pointee.where) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let reason: String
        switch muster_distrust(rawValue: UInt32(found.pointee.why)) {
        case MUSTER_DISTRUST_NOT_ABSOLUTE: reason = "a program is named by its absolute path"
        case MUSTER_DISTRUST_DOTS: reason = "the path must not contain '..'"
        case MUSTER_DISTRUST_SYMLINK: reason = "\(place) is a symbolic link; name its target"
        case MUSTER_DISTRUST_OWNER:
            reason = "\(place) belongs to another user; run: chown root \(place)"
        case MUSTER_DISTRUST_WRITABLE:
            reason = "\(place) can be written by others; run: chmod go-w \(place)"
        case MUSTER_DISTRUST_NOT_FOLDER: reason = "\(place) is not a folder"
        case MUSTER_DISTRUST_NOT_FILE: reason = "\(place) is not a file"
        case MUSTER_DISTRUST_TOO_LONG: reason = "the path is too long"
        default: return HostError("open program", path: place, code: found.pointee.error)
        }
        return HostError("trust program", path: path, reason: reason)
    }
}
