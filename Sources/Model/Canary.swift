public enum DataSetKind {}

/// A set of data that is replicated between sites as one: a database, a tree of files.
public typealias DataSetName = Identifier<DataSetKind>

/// A numbered mark that is written into the data of the active site and read back from its replicas:
/// who can read it has everything that was written before it.
///
/// Numbers of one data set only grow, over all epochs, and none is given twice.
public struct Canary: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Under which the site was active that wrote it.
    public var epoch: Epoch
    /// From 1.
    public var sequence: UInt64

    public init(epoch: Epoch, sequence: UInt64) {
        self.epoch = epoch
        self.sequence = sequence
    }

    public static func < (left: Canary, right: Canary) -> Bool {
        (left.epoch, left.sequence) < (right.epoch, right.sequence)
    }

    /// `g.e.n` in decimal: `1.3.4711`.
    public var description: String { "\(epoch).\(sequence)" }

    /// - Returns: nil for everything but what ``description`` writes.
    public init?(_ text: String) {
        guard let dot = text.lastIndex(of: "."), let epoch = Epoch(String(text[..<dot])),
            let sequence = UInt64(text[text.index(after: dot)...]), sequence > 0
        else { return nil }
        self.init(epoch: epoch, sequence: sequence)
        guard description == text else { return nil }
    }
}
