/// What went wrong in the store, where, and what mends it.
public struct StoreError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What a caller decides by.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// A commit failed in a way that leaves open whether it is durable. The store takes no
        /// further commit; stop, reopen and read what is there.
        case outcomeUnknown
        /// An earlier commit ended with an unknown outcome, so this one was not even begun.
        case poisoned
        /// The disk is full. Nothing of this call was applied.
        case full
        /// Nothing of this call was applied, for a reason that is neither a full disk nor damage.
        case notApplied
        /// A write breaks a named limit of ``StoreLimits``. Nothing of this call was applied.
        case tooLarge
        /// What is on the disk is not what was once written there.
        case damaged
        /// The store was written by a newer version.
        case fromTheFuture
        /// The file is something else than a Muster store.
        case notAStore
        /// There is no store in the directory.
        case missing
        /// There is a store already, and it would have been overwritten.
        case exists
        /// Another process has the store open.
        case inUse
        /// The store belongs to another machine, or its instance secret is not beside it.
        case foreign
        /// The directory is on a file system whose locks and syncs cannot be relied upon.
        case networkFileSystem
        /// A file of the store can be read or written by others.
        case permissions
        /// The operating system refused a read or a write outside a commit.
        case unreadable
        /// The committer's queue is full, or it has stopped. Nothing was taken.
        case refused
    }

    public let code: Code
    /// The file, table or operation concerned, and what was found there.
    public let place: String
    /// What an operator can do about it; empty where nothing but waiting or retrying helps.
    public let mend: String

    public init(_ code: Code, _ place: String, mend: String = "") {
        self.code = code
        self.place = place
        self.mend = mend
    }

    public static let restoreMend =
        "restore the latest backup with: muster-controller restore FILE"

    /// Damage at `place`, with the mend that operators look for.
    public static func damaged(_ place: String, mend: String = restoreMend) -> StoreError {
        StoreError(.damaged, place, mend: mend)
    }

    public var description: String {
        let heading =
            switch code {
            case .outcomeUnknown: "the outcome of a commit is unknown"
            case .poisoned: "the store takes no commits until it is reopened"
            case .full: "the disk is full"
            case .notApplied: "nothing was written"
            case .tooLarge: "too large for the store"
            case .damaged: "the store is damaged"
            case .fromTheFuture: "the store was written by a newer version"
            case .notAStore: "not a Muster store"
            case .missing: "no store here"
            case .exists: "a store is already here"
            case .inUse: "the store is in use"
            case .foreign: "the store belongs to another machine"
            case .networkFileSystem: "not a local file system"
            case .permissions: "too many may read or write the store"
            case .unreadable: "the store cannot be read or written"
            case .refused: "not taken"
            }
        return "\(heading): \(place)" + (mend.isEmpty ? "" : "; \(mend)")
    }
}
