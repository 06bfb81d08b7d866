/// Finds what somebody probably meant.
public enum NearestName {
    /// The candidate with the fewest edits, when it is near enough to be a slip of the hand: at
    /// most a third of the length, and at least one.
    public static func to(_ text: String, among candidates: [String]) -> String? {
        var best: (distance: Int, name: String)?
        for candidate in candidates {
            let distance = distance(text, candidate)
            if distance <= max(1, text.utf8.count / 3), distance < (best?.distance ?? .max) {
                best = (distance, candidate)
            }
        }
        return best?.name
    }

    /// Levenshtein distance in bytes: insertions, deletions and substitutions.
    public static func distance(_ left: String, _ right: String) -> Int {
        let other = Array(right.utf8)
        var row = Array(0...other.count)
        for (i, a) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in other.enumerated() {
                let substituted = diagonal + (a == b ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[other.count]
    }
}
