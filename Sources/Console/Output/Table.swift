/// One cell: text, and what it means.
struct Cell: Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    var text: String
    var tone: Tone
    /// Said instead where the text is too long, the first that fits; the last is cut between two
    /// words.
    var shorter: [String] = []

    init(_ text: String, _ tone: Tone = .plain, shorter: [String] = []) {
        self.text = text
        self.tone = tone
        self.shorter = shorter
    }

    func fitted(to width: Int, mark: String) -> String {
        guard let last = shorter.last, DisplayWidth.of(text) > width else {
            return DisplayWidth.cut(text, to: width, mark: mark)
        }
        return shorter.first { DisplayWidth.of($0) <= width }
            ?? DisplayWidth.cutAtWord(last, to: width, mark: mark)
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
        /// Goes below its row, over as many lines as it takes, when the terminal is too narrow for
        /// all columns side by side.
        var isBelow = false

        init(
            _ header: String,
            right isRight: Bool = false,
            flexible isFlexible: Bool = false,
            below isBelow: Bool = false
        ) {
            self.header = header
            self.isRight = isRight
            self.isFlexible = isFlexible
            self.isBelow = isBelow
        }
    }

    /// How far in what stands below its row begins.
    static let belowIndent = 4
    /// A single column that may go below its row goes on below itself instead where it has so much
    /// room.
    static let besideWidthMin = 60

    /// A flexible column is never cut below this while another one can give way.
    static let flexibleWidthMin = 8
    /// No column is ever cut below this.
    static let widthMin = 4

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

    /// The lines of the table, without spaces at their ends. None is wider than the terminal: a line
    /// that it breaks in two is no row any more.
    ///
    /// - Parameter width: columns of the terminal; nil for as many as it takes.
    func lines(style: Style, width: Int?) -> [String] {
        let lines = laidOut(style: style, width: width)
        guard let width else { return lines }
        return lines.map { DisplayWidth.cutPainted($0, to: width, mark: style.ellipsis) }
    }

    /// Columns of the terminal that it takes when nothing gives way.
    var naturalWidth: Int {
        fitted(nil).reduce(gap.count * (columns.count - 1) + indent.count, +)
    }

    private func laidOut(style: Style, width: Int?) -> [String] {
        if let width, isStacked(in: width) { return stacked(style: style, width: width) }
        let widths = fitted(width)
        return header(widths, style) + rows.flatMap { lines(of: $0, widths, style) }
    }

    private func header(_ widths: [Int], _ style: Style) -> [String] {
        hasHeader ? [line(columns.map { Cell($0.header, .faint) }, widths, style)] : []
    }

    /// One, or more where the last column goes on below itself.
    private func lines(of row: [Cell], _ widths: [Int], _ style: Style) -> [String] {
        guard isWrapped || columns.last?.isBelow == true, let cell = row.last,
            let last = widths.last
        else {
            return [line(row, widths, style)]
        }
        let parts = DisplayWidth.wrapped(cell.text, to: last)
        return parts.enumerated().map { index, part in
            var cells = index == 0 ? row : row.map { _ in Cell("") }
            cells[cells.count - 1] = Cell(part, cell.tone)
            return line(cells, widths, style)
        }
    }

    // MARK: Columns below their rows

    /// Whether some columns go below their rows.
    func isStacked(in width: Int) -> Bool {
        let below = columns.filter(\.isBelow).count
        guard below > 0, naturalWidth > width else { return false }
        guard below == 1, columns.last?.isBelow == true else { return true }
        let others = fitted(nil).dropLast().reduce(
            gap.count * (columns.count - 1) + indent.count,
            +
        )
        return width - others < Self.besideWidthMin
    }

    private func stacked(style: Style, width: Int) -> [String] {
        let beside = columns.indices.filter { !columns[$0].isBelow }
        let below = columns.indices.filter { columns[$0].isBelow }
        var upper = self
        upper.columns = beside.map { columns[$0] }
        upper.rows = rows.map { row in beside.map { row[$0] } }
        upper.isWrapped = true
        let widths = upper.fitted(width)
        let inner = indent + String(repeating: " ", count: Self.belowIndent)
        let room = max(Self.flexibleWidthMin, width - inner.count)
        let isLast = below == [columns.count - 1]
        let beforeLast = widths.reduce(gap.count * beside.count + indent.count, +)
        var lines =
            isLast
            ? header(widths + [DisplayWidth.of(columns.last?.header ?? "")], style)
            : upper.header(widths, style)
        for (row, shown) in zip(rows, upper.rows) {
            let last = DisplayWidth.of(row[row.count - 1].text)
            if isLast, beforeLast + last <= width {
                lines.append(line(row, widths + [last], style))
                continue
            }
            lines += upper.lines(of: shown, widths, style)
            for cell in below.map({ row[$0] }) where !cell.text.isEmpty {
                lines += DisplayWidth.wrapped(cell.text, to: room)
                    .map { inner + style.paint($0, cell.tone) }
            }
        }
        return lines
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ style: Style) -> String {
        var parts: [String] = []
        for (index, cell) in cells.enumerated() {
            let text = cell.fitted(to: widths[index], mark: style.ellipsis)
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
        func shrink(_ places: [Int], to least: Int) {
            while excess > 0,
                let widest = places.max(by: { widths[$0] < widths[$1] }), widths[widest] > least
            {
                widths[widest] -= 1
                excess -= 1
            }
        }
        shrink(columns.indices.filter { columns[$0].isFlexible }, to: Self.flexibleWidthMin)
        shrink(Array(columns.indices), to: Self.widthMin)
        return widths
    }
}
