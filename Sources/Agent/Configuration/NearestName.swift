/// The one of `names` that a slip of the finger made into `text`, if any is near enough to be
/// worth suggesting.
func nearestName(to text: String, among names: [String]) -> String? {
    let limit = max(1, min(3, text.count / 3))
    var best: (name: String, distance: Int)?
    for name in names {
        let distance = editDistance(text, name)
        if distance <= limit, best.map({ distance < $0.distance }) ?? true {
            best = (name, distance)
        }
    }
    return best?.name
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one text into the other
/// (the "optimal string alignment" distance).
func editDistance(_ left: String, _ right: String) -> Int {
    let from = Array(left.unicodeScalars)
    let to = Array(right.unicodeScalars)
    var beforePrevious: [Int] = []
    var previous = Array(0...to.count)
    for row in 0..<from.count {
        var current = [row + 1]
        for column in 0..<to.count {
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
