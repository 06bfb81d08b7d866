import Testing

@testable import Console

@Suite struct `Tables` {
    private func table() -> Table {
        var table = Table([
            .init("NAME"), .init("AGE", right: true), .init("NOTE", flexible: true),
        ])
        table.add(["db-1", "4s", "a rather long note about this node"])
        table.add(["db-22", "12m", "-"])
        return table
    }

    @Test func `columns are as wide as their widest cell and lines end without spaces`() {
        #expect(
            table().lines(style: .plain, width: nil) == [
                "NAME   AGE  NOTE",
                "db-1    4s  a rather long note about this node",
                "db-22  12m  -",
            ]
        )
    }

    @Test func `a narrow terminal takes from the flexible column, and marks the cut`() {
        let lines = table().lines(style: .plain, width: 30)
        #expect(lines[1] == "db-1    4s  a rather long not…")
        #expect(lines.allSatisfy { DisplayWidth.of($0) <= 30 })
    }

    @Test func `a flexible column keeps a least width until the others have given way`() {
        #expect(table().lines(style: .plain, width: 20)[1] == "db-1    4s  a rathe…")
        #expect(table().lines(style: .plain, width: 19)[1] == "db-1    4s  a rath…")
    }

    @Test(arguments: 3...30)
    func `no line is wider than the terminal, however many columns there are`(_ width: Int) {
        let coloured = Style(isColoured: true, isUnicode: true)
        var wide = Table((0..<9).map { .init("COLUMN \($0)") })
        wide.add((0..<9).map { Cell("a long cell \($0)", .bad) })
        for table in [table(), wide] {
            for line in table.lines(style: coloured, width: width) {
                #expect(DisplayWidth.of(line) <= width)
                // A colour ends with its line.
                #expect(!line.contains("\u{1B}[1;31m") || line.hasSuffix("\u{1B}[0m"))
            }
        }
    }

    private func stacked() -> Table {
        var table = Table([
            .init("NO", right: true), .init("TO", flexible: true), .init("WHAT", below: true),
            .init("OUTCOME", below: true),
        ])
        table.add(["7", "mail to ops@example.com", "Node a-3 is Offline", "no route to host there"])
        table.add(["12", "webhook chat", "It is", ""])
        return table
    }

    @Test func `what has no room beside its row stands below it, and nothing is cut`() {
        let wide = [
            "NO  TO                       WHAT                 OUTCOME",
            " 7  mail to ops@example.com  Node a-3 is Offline  no route to host there",
            "12  webhook chat             It is",
        ]
        #expect(stacked().lines(style: .plain, width: nil) == wide)
        #expect(stacked().lines(style: .plain, width: 72) == wide)
        #expect(
            stacked().lines(style: .plain, width: 25) == [
                "NO  TO", " 7  mail to", "    ops@example.com", "    Node a-3 is Offline",
                "    no route to host", "    there", "12  webhook chat", "    It is",
            ]
        )
    }

    @Test func `a single long column goes on below itself where there is room, else below its row`()
    {
        var table = Table([.init("AT"), .init("WHAT", flexible: true, below: true)])
        table.add(["14:03", Cell(String(repeating: "word ", count: 20) + "end")])
        let beside = table.lines(style: .plain, width: 70)
        #expect(beside.count == 3 && beside[1].hasPrefix("14:03  word word"))
        #expect(beside[2].hasPrefix("       word") && beside[2].hasSuffix("end"))
        table.add(["14:04", "short"])
        let below = table.lines(style: .plain, width: 60)
        #expect(below.count == 5 && below[0] == "AT     WHAT")
        #expect(below[1] == "14:03" && below[2].hasPrefix("    word"))
        #expect(below[3].hasSuffix("end") && below[4] == "14:04  short")
        table.rows.removeLast()
        #expect(table.lines(style: .plain, width: nil).count == 2)
    }

    @Test func `headers can be left out`() {
        var table = table()
        table.hasHeader = false
        #expect(table.lines(style: .plain, width: nil).first?.hasPrefix("db-1 ") == true)
    }

    @Test func `colour does not move a column`() {
        let coloured = Style(isColoured: true, isUnicode: true)
        var table = Table([.init("A"), .init("B")])
        table.add([Cell("x", .bad), "1"])
        table.add([Cell("longer", .good), "2"])
        let plain = table.lines(style: .plain, width: nil)
        let painted = table.lines(style: coloured, width: nil)
        #expect(painted.map(DisplayWidth.of) == plain.map(DisplayWidth.of))
        #expect(painted[1].contains("\u{1B}[1;31mx\u{1B}[0m     "))
    }

    @Test func `rows are sorted by a column's number, its text, and the other way round`() throws {
        let listing = Listing<(String, Int64)>(columns: [
            .init("NAME") { Cell($0.0) },
            .init("LOAD AGE", number: { $0.1 }) { Cell("\($0.1)s") },
        ])
        let items: [(String, Int64)] = [("b", 9), ("a", 10), ("c", 9)]
        func names(_ key: String?) throws -> [String] {
            try listing.table(items, isWide: true, hasHeader: true, sortBy: key).rows.map {
                $0[0].text
            }
        }
        #expect(try names(nil) == ["b", "a", "c"])
        #expect(try names("name") == ["a", "b", "c"])
        #expect(try names("-name") == ["c", "b", "a"])
        #expect(try names("load-age") == ["b", "c", "a"])
        #expect(throws: ConsoleError.self) { try names("colour") }
    }
}
