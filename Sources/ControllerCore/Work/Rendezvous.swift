import Model

/// Rendezvous (highest random weight) hashing after Thaler and Ravishankar, "Using name-based
/// mappings to increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998: every account
/// ranks the nodes by a hash of both. When a node joins or leaves, only its own accounts move.
enum Rendezvous {
    /// Hash of a node's identity, reckoned once.
    static func seed(of node: NodeID) -> UInt64 { fingerprint(node.text.utf8) }

    static func seed(of account: String) -> UInt64 { fingerprint(account.utf8) }

    /// The weight of a node for an account; the highest wins.
    static func weight(account: UInt64, node: UInt64) -> UInt64 { mixed(account ^ mixed(node)) }

    /// The `width` nodes with the highest weight, best first.
    ///
    /// - Parameter nodes: places and seeds, in a total order that decides between equal weights.
    static func top(_ width: Int, of nodes: [(place: Int, seed: UInt64)], for account: UInt64)
        -> [Int]
    {
        var best: [(weight: UInt64, place: Int)] = []
        for node in nodes {
            let weight = weight(account: account, node: node.seed)
            let index = best.firstIndex { $0.weight < weight } ?? best.count
            guard index < width else { continue }
            best.insert((weight, node.place), at: index)
            if best.count > width { best.removeLast() }
        }
        return best.map(\.place)
    }

    /// FNV-1a, 64 bits.
    static func fingerprint(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        return hash
    }

    /// The finaliser of SplitMix64: FNV alone spreads short names badly.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var value = value &+ 0x9e37_79b9_7f4a_7c15
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
