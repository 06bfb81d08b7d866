/// Finds what somebody probably meant.
public enum NearestName {
    /// The candidate with the fewest edits, when it is near enough to be a slip of the finger: at
    /// most a third of the length, at least one and at most three. Of those with as few, the one that
    /// begins the same for longest: `node.ofline` is as near to `node.online`, but lacks a letter of
    /// `node.offline`. Else the first.
    public static func to(_ text: String, among candidates: [String]) -> String? {
        let limit = max(1, min(3, text.utf8.count / 3))
        var best: (distance: Int, common: Int, name: String)?
        for candidate in candidates {
            let distance = distance(text, candidate)
            guard distance <= limit else { continue }
            let common = zip(text.utf8, candidate.utf8).prefix { $0 == $1 }.count
            // Greater is better.
            if let best, (-distance, common) <= (-best.distance, best.common) { continue }
            best = (distance, common, candidate)
        }
        return best?.name
    }

    /// Insertions, deletions, substitutions and swaps of neighbours, in bytes, that turn one text
    /// into the other (the "optimal string alignment" distance).
    public static func distance(_ left: String, _ right: String) -> Int {
        let from = Array(left.utf8)
        let to = Array(right.utf8)
        var beforePrevious: [Int] = []
        var previous = Array(0...to.count)
        for row in from.indices {
            var current = [row + 1]
            for column in to.indices {
                var cost = min(
                    previous[column + 1] + 1,
                    current[column] + 1,
                    previous[column] + (from[row] == to[column] ? 0 : 1)
                )
                if row > 0, column > 0, from[row] == to[column - 1], from[row - 1] == to[column] {
                    cost = min(cost, beforePrevious[column - 1] + 1)
                }
                current.append(cost)
            }
            beforePrevious = previous
            previous = current
        }
        return previous[to.count]
    }
}
