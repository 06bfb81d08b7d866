import API
import Model

/// A table that can be sorted by any of its columns: each row with what it is made of.
struct Listing<Item> {
    struct Column {
        var header: String
        /// For `--sort-by`, and what a script would call it.
        var key: String
        var isRight = false
        var isFlexible = false
        var isWide = false
        var isBelow = false
        var cell: (Item) -> Cell
        /// What rows are compared by; the cell's text when nil.
        var number: ((Item) -> Int64)?

        init(
            _ header: String,
            right: Bool = false,
            flexible: Bool = false,
            wide: Bool = false,
            below: Bool = false,
            number: ((Item) -> Int64)? = nil,
            cell: @escaping (Item) -> Cell
        ) {
            self.header = header
            key = header.lowercased().split(separator: " ").joined(separator: "-")
            isRight = right
            isFlexible = flexible
            isWide = wide
            isBelow = below
            self.cell = cell
            self.number = number
        }
    }

    var columns: [Column]

    /// - Parameter sortBy: a column's key, with `-` before it for the reverse.
    func table(
        _ items: [Item],
        isWide: Bool,
        hasHeader: Bool,
        sortBy: String?
    ) throws(ConsoleError) -> Table {
        let shown = columns.filter { isWide || !$0.isWide }
        var table = Table(
            shown.map {
                Table.Column(
                    $0.header,
                    right: $0.isRight,
                    flexible: $0.isFlexible,
                    below: $0.isBelow
                )
            }
        )
        table.hasHeader = hasHeader
        for item in try sorted(items, by: sortBy) { table.add(shown.map { $0.cell(item) }) }
        return table
    }

    private func sorted(_ items: [Item], by key: String?) throws(ConsoleError) -> [Item] {
        guard let key else { return items }
        let isReverse = key.hasPrefix("-")
        let name = isReverse ? String(key.dropFirst()) : key
        guard let column = columns.first(where: { $0.key == name.lowercased() }) else {
            throw ConsoleError(
                .usage,
                "there is no column \(name) to sort by",
                hint: "there are: \(columns.map(\.key).joined(separator: ", "))"
            )
        }
        // Sorting is stable: rows that are equal here stay as the controller ordered them.
        let keyed = items.enumerated().map { offset, item in
            (
                offset: offset, item: item, number: column.number?(item) ?? 0,
                text: column.cell(item).text
            )
        }
        return keyed.sorted { left, right in
            if left.number != right.number { return (left.number < right.number) != isReverse }
            if column.number == nil, left.text != right.text {
                return (left.text < right.text) != isReverse
            }
            return left.offset < right.offset
        }.map(\.item)
    }
}

extension Session {
    /// Asks for a list and shows it, once or live.
    func list<Value: Decodable & Sendable, Item: Sendable>(
        _ route: Route,
        query: [(String, String?)] = [],
        _ options: ListOptions,
        isLive: Bool,
        items: @escaping @Sendable (Value) -> [Item],
        listing: @escaping @Sendable (Style, WallTime) -> Listing<Item>,
        ifEmpty empty: String
    ) async throws {
        guard !isLive else {
            let model = LiveList(
                path: route.path,
                query: query,
                options: options,
                items: items,
                listing: listing
            )
            var view = LiveView(session: self, model: model)
            view.format = options.output.format
            return try await view.run()
        }
        let answer: Answer<Value> = try await client.get(route.path, query: query)
        let columns = listing(style, answer.asOf)
        try show(answer, items(answer.value), columns, options, ifEmpty: empty)
    }

    /// Shows a list in the format that was asked for.
    func show<Item, Value>(
        _ answer: Answer<Value>,
        _ items: [Item],
        _ listing: Listing<Item>,
        _ options: ListOptions,
        ifEmpty empty: String
    ) throws {
        guard !options.output.format.isForPrograms else {
            Terminal.write(try Emit.text(answer.json, as: options.output.format))
            return
        }
        if items.isEmpty {
            Terminal.writeErrorLine(empty)
            return
        }
        let table = try listing.table(
            items,
            isWide: options.output.format == .wide,
            hasHeader: !options.noHeaders,
            sortBy: options.sortBy
        )
        for line in table.lines(style: style, width: width) { Terminal.writeLine(line) }
        if options.output.format == .wide, let width, table.naturalWidth > width,
            !table.isStacked(in: width)
        {
            Terminal.writeErrorLine(
                "cut to the terminal: all of it takes \(table.naturalWidth) columns, or a pipe: | cat"
            )
        }
    }
}
