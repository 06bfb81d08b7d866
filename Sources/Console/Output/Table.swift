/// One cell: text, and what it means.
struct Cell: Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    var text: String
    var tone: Tone

    init(_ text: String, _ tone: Tone = .plain) {
        self.text = text
        self.tone = tone
    }

    init(stringLiteral text: String) {
        self.init(text)
    }
}

/// Columns of text under headers.
struct Table: Sendable {
    struct Column: Sendable {
        var header: String
        var isRight = false
        /// Gives way when the terminal is too narrow.
        var isFlexible = false

        init(_ header: String, right isRight: Bool = false, flexible isFlexible: Bool = false) {
            self.header = header
            self.isRight = isRight
            self.isFlexible = isFlexible
        }
    }

    /// A flexible column is never cut below this.
    static let flexibleWidthMin = 8

    var columns: [Column]
    var rows: [[Cell]] = []
    var hasHeader = true
    /// What stands between two columns.
    var gap = "  "
    var indent = ""
    /// The last column goes on below itself where it is too long, instead of being cut.
    var isWrapped = false

    init(_ columns: [Column]) {
        self.columns = columns
    }

    mutating func add(_ cells: [Cell]) {
        precondition(cells.count == columns.count, "a row has one cell for each column")
        rows.append(cells)
    }

    /// The lines of the table, without spaces at their ends.
    ///
    /// - Parameter width: columns of the terminal; nil for as many as it takes.
    func lines(style: Style, width: Int?) -> [String] {
        let widths = fitted(width)
        var lines: [String] = []
        if hasHeader {
            lines.append(line(columns.map { Cell($0.header, .faint) }, widths, style))
        }
        guard isWrapped, let last = widths.last else {
            return lines + rows.map { line($0, widths, style) }
        }
        for row in rows {
            let parts = DisplayWidth.wrapped(row[row.count - 1].text, to: last)
            for (index, part) in parts.enumerated() {
                var cells = index == 0 ? row : row.map { _ in Cell("") }
                cells[cells.count - 1] = Cell(part, row[row.count - 1].tone)
                lines.append(line(cells, widths, style))
            }
        }
        return lines
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ style: Style) -> String {
        var parts: [String] = []
        for (index, cell) in cells.enumerated() {
            let text = DisplayWidth.cut(cell.text, to: widths[index], mark: style.ellipsis)
            let space = String(
                repeating: " ",
                count: max(0, widths[index] - DisplayWidth.of(text))
            )
            let painted = style.paint(text, cell.tone)
            parts.append(columns[index].isRight ? space + painted : painted + space)
        }
        var joined = indent + parts.joined(separator: gap)
        while joined.last == " " { joined.removeLast() }
        return joined
    }

    private func fitted(_ width: Int?) -> [Int] {
        var widths = columns.enumerated().map { index, column in
            let header = hasHeader ? DisplayWidth.of(column.header) : 0
            return rows.reduce(header) { max($0, DisplayWidth.of($1[index].text)) }
        }
        guard let width else { return widths }
        let gaps = gap.count * (columns.count - 1) + indent.count
        var excess = widths.reduce(gaps, +) - width
        // The widest gives way first, so that no one column loses everything.
        let flexible = columns.indices.filter { columns[$0].isFlexible }
        while excess > 0,
            let widest = flexible.max(by: { widths[$0] < widths[$1] }),
            widths[widest] > Self.flexibleWidthMin
        {
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }
}
