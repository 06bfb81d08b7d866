import Model

/// What differs between two texts, line by line, in the form of `diff -u`. Control characters are made
/// visible; nothing of a text can steer a terminal or look like a line of its own.
public struct UnifiedDiff: Hashable, Sendable {
    /// Lines that are added or removed at most before the texts are called too different: the work of
    /// comparing grows with its square.
    static let editsMax = 1_000
    static let contextLines = 3

    /// Without line feeds; empty when the texts are alike.
    public let lines: [String]

    private enum Edit: Hashable, Sendable {
        case keep(old: Int, new: Int)
        case remove(Int)
        case add(Int)
    }

    /// - Parameters:
    ///   - old: what the standby should be like.
    ///   - names: of both, for the first two lines.
    public init(old: [UInt8], new: [UInt8], names: (old: String, new: String)) {
        guard old != new else {
            lines = []
            return
        }
        let before = Self.split(old)
        let after = Self.split(new)
        var lines = ["--- \(Self.shown(Array(names.old.utf8)))"]
        lines.append("+++ \(Self.shown(Array(names.new.utf8)))")
        lines += Self.hunks(Self.edits(before, after), before, after)
        self.lines = lines
    }

    /// Each line with its line feed, where it has one.
    private static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: 10).map { $0 + 1 } ?? rest.endIndex
            lines.append(rest[..<end])
            rest = rest[end...]
        }
        return lines
    }

    /// Tabs stand for themselves; everything else that is no plain text is shown as `\xHH`.
    private static func shown(_ line: some Sequence<UInt8>) -> String {
        line.split(separator: 9, omittingEmptySubsequences: false)
            .map {
                PathText.escaped($0).split(separator: "\\\\", omittingEmptySubsequences: false)
                    .joined(separator: "\\")
            }
            .joined(separator: "\t")
    }

    // MARK: Comparing

    /// The shortest way from one to the other (Myers, "An O(ND) difference algorithm and its
    /// variations"), or all of the one and then all of the other where that is too long.
    private static func edits(
        _ old: [ArraySlice<UInt8>],
        _ new: [ArraySlice<UInt8>]
    ) -> [Edit] {
        var head = 0
        while head < min(old.count, new.count), old[head].elementsEqual(new[head]) { head += 1 }
        var tail = 0
        while tail < min(old.count, new.count) - head,
            old[old.count - 1 - tail].elementsEqual(new[new.count - 1 - tail])
        { tail += 1 }
        let middle = path(
            old[head..<(old.count - tail)],
            new[head..<(new.count - tail)]
        )
        var edits = (0..<head).map { Edit.keep(old: $0, new: $0) }
        edits += middle
        for index in stride(from: tail, to: 0, by: -1) {
            edits.append(.keep(old: old.count - index, new: new.count - index))
        }
        return edits
    }

    private static func path(
        _ old: ArraySlice<ArraySlice<UInt8>>,
        _ new: ArraySlice<ArraySlice<UInt8>>
    ) -> [Edit] {
        let replaced = old.indices.map { Edit.remove($0) } + new.indices.map { Edit.add($0) }
        guard !old.isEmpty, !new.isEmpty else { return replaced }
        // Furthest place in `old` on each diagonal, before each round: to find the way back.
        var rounds: [[Int]] = []
        let limit = min(editsMax, old.count + new.count)
        var furthest = [Int](repeating: 0, count: 2 * limit + 3)
        let middle = limit + 1
        for round in 0...limit {
            rounds.append(Array(furthest[(middle - round)...(middle + round)]))
            for diagonal in stride(from: -round, through: round, by: 2) {
                let isDown =
                    diagonal == -round
                    || (diagonal != round
                        && furthest[middle + diagonal - 1] < furthest[middle + diagonal + 1])
                var x =
                    isDown
                    ? furthest[middle + diagonal + 1] : furthest[middle + diagonal - 1] + 1
                if round == 0 { x = 0 }
                var y = x - diagonal
                while x < old.count, y < new.count,
                    old[old.startIndex + x].elementsEqual(new[new.startIndex + y])
                {
                    x += 1
                    y += 1
                }
                furthest[middle + diagonal] = x
                if x >= old.count, y >= new.count {
                    return wayBack(rounds, old, new)
                }
            }
        }
        return replaced
    }

    private static func wayBack(
        _ rounds: [[Int]],
        _ old: ArraySlice<ArraySlice<UInt8>>,
        _ new: ArraySlice<ArraySlice<UInt8>>
    ) -> [Edit] {
        var edits: [Edit] = []
        var x = old.count
        var y = new.count
        for round in stride(from: rounds.count - 1, through: 0, by: -1) {
            let furthest = rounds[round]
            let diagonal = x - y
            func place(_ diagonal: Int) -> Int { furthest[diagonal + round] }
            var fromX = 0
            var fromY = 0
            var isDown = false
            if round > 0 {
                isDown =
                    diagonal == -round
                    || (diagonal != round && place(diagonal - 1) < place(diagonal + 1))
                let before = isDown ? diagonal + 1 : diagonal - 1
                fromX = place(before)
                fromY = fromX - before
            }
            let (startX, startY) =
                round == 0 ? (0, 0) : isDown ? (fromX, fromY + 1) : (fromX + 1, fromY)
            while x > startX, y > startY {
                x -= 1
                y -= 1
                edits.append(.keep(old: old.startIndex + x, new: new.startIndex + y))
            }
            guard round > 0 else { break }
            edits.append(
                isDown ? .add(new.startIndex + fromY) : .remove(old.startIndex + fromX)
            )
            x = fromX
            y = fromY
        }
        return edits.reversed()
    }

    // MARK: Showing

    private static func hunks(
        _ edits: [Edit],
        _ old: [ArraySlice<UInt8>],
        _ new: [ArraySlice<UInt8>]
    ) -> [String] {
        func isKept(_ edit: Edit) -> Bool { if case .keep = edit { true } else { false } }
        var lines: [String] = []
        var at = 0
        while let first = edits[at...].firstIndex(where: { !isKept($0) }) {
            let start = max(at, first - contextLines)
            var end = first
            // Changes that are near each other are one hunk.
            while let next = edits[end...].prefix(2 * contextLines + 1)
                .firstIndex(where: { !isKept($0) })
            { end = next + 1 }
            let stop = min(edits.count, end + contextLines)
            lines += hunk(edits, start..<stop, old, new)
            at = stop
        }
        return lines
    }

    private static func hunk(
        _ edits: [Edit],
        _ range: Range<Int>,
        _ old: [ArraySlice<UInt8>],
        _ new: [ArraySlice<UInt8>]
    ) -> [String] {
        var lines: [String] = []
        var oldCount = 0
        var newCount = 0
        func add(_ mark: String, _ line: ArraySlice<UInt8>) {
            let hasEnd = line.last == 10
            lines.append(mark + shown(hasEnd ? line.dropLast() : line))
            if !hasEnd { lines.append("\\ No newline at end of file") }
        }
        for edit in edits[range] {
            switch edit {
            case .keep(let index, _):
                add(" ", old[index])
                oldCount += 1
                newCount += 1
            case .remove(let index):
                add("-", old[index])
                oldCount += 1
            case .add(let index):
                add("+", new[index])
                newCount += 1
            }
        }
        var oldBefore = 0
        var newBefore = 0
        for edit in edits[..<range.lowerBound] {
            if case .add = edit {} else { oldBefore += 1 }
            if case .remove = edit {} else { newBefore += 1 }
        }
        let oldPlace = place(oldBefore, oldCount)
        let newPlace = place(newBefore, newCount)
        return ["@@ -\(oldPlace) +\(newPlace) @@"] + lines
    }

    private static func place(_ before: Int, _ count: Int) -> String {
        let first = count == 0 ? before : before + 1
        return count == 1 ? "\(first)" : "\(first),\(count)"
    }
}
