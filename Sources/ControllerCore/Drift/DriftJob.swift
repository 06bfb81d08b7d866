import Model
import Protocol

/// Two listings that are gone through together, part by part. Both come in the order of their paths, so
/// no more than a part of each is held.
struct DriftJob: Hashable, Sendable {
    struct Listing: Hashable, Sendable {
        var node: NodeID
        var digest: String
        /// The request that is not answered yet.
        var request: UInt64?
        /// Entries that have come and are not compared yet, from `at` on.
        private(set) var entries: [FileEntry] = []
        private var at = 0
        private var lastPath: String?
        private(set) var received: UInt32 = 0
        private var receivedOfPart: UInt32 = 0
        /// Behind the last entry.
        private(set) var isEnded = false

        init(node: NodeID, digest: String) {
            self.node = node
            self.digest = digest
        }

        var head: FileEntry? { at < entries.count ? entries[at] : nil }

        /// Nothing is left to compare, and more would come.
        var isDry: Bool { head == nil && !isEnded }

        mutating func pop() {
            at += 1
            guard at == entries.count else { return }
            entries = []
            at = 0
        }

        mutating func ask(as request: UInt64) {
            self.request = request
            receivedOfPart = 0
        }

        /// - Returns: what is wrong with it.
        mutating func take(_ entry: FileEntry) -> String? {
            if let lastPath, !PathText.precedes(lastPath, entry.path) {
                return "its list is not in the order of paths"
            }
            lastPath = entry.path
            received += 1
            receivedOfPart += 1
            guard receivedOfPart <= ComparingLimits.entriesPerPartMax,
                received <= ComparingLimits.entriesMax
            else { return "its list is longer than may be" }
            entries.append(entry)
            return nil
        }

        /// - Returns: what is wrong with it.
        mutating func endPart(next: UInt32?) -> String? {
            request = nil
            guard let next else {
                isEnded = true
                return nil
            }
            return next == received && receivedOfPart > 0 ? nil : "its list has a gap"
        }
    }

    let kind: ComparedKind
    var listings: PairOf<Listing>
    var differences: [PairDifference] = []
    var count: UInt32 = 0
    var deadline: Instant

    var digests: PairOf<String> {
        PairOf(holder: listings.holder.digest, partner: listings.partner.digest)
    }

    /// Both are gone through.
    var isFinished: Bool {
        listings.holder.isEnded && listings.partner.isEnded && listings.holder.head == nil
            && listings.partner.head == nil
    }

    func side(of node: NodeID, request: UInt64) -> PairOf<Listing>.Side? {
        PairOf<Listing>.Side.allCases.first {
            listings[$0].node == node && listings[$0].request == request
        }
    }

    /// Compares as far as both lists have come.
    mutating func advance(keeping keptMax: Int) {
        while !listings.holder.isDry, !listings.partner.isDry {
            let holder = listings.holder.head
            let partner = listings.partner.head
            let pair: PairOf<FileEntry?>
            switch (holder, partner) {
            case (nil, nil): return
            case (let own?, nil): pair = PairOf(holder: own, partner: nil)
            case (nil, let other?): pair = PairOf(holder: nil, partner: other)
            case (let own?, let other?):
                if PathText.precedes(own.path, other.path) {
                    pair = PairOf(holder: own, partner: nil)
                } else if PathText.precedes(other.path, own.path) {
                    pair = PairOf(holder: nil, partner: other)
                } else {
                    pair = PairOf(holder: own, partner: other)
                }
            }
            if pair.holder != nil { listings.holder.pop() }
            if pair.partner != nil { listings.partner.pop() }
            let aspects = DriftAspect.aspects(
                standby: pair.holder,
                production: pair.partner,
                of: kind
            )
            guard !aspects.isEmpty else { continue }
            count += 1
            if differences.count < keptMax {
                differences.append(PairDifference(entries: pair))
            }
        }
    }
}
