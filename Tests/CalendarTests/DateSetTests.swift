import Calendar
import Model
import Testing

struct DateSetTests {
    @Test func `dates, ranges, yearly dates and comments are read`() throws {
        let set = try DateSet(
            parsing: """
                # The days on which nobody is there.
                2026-04-03   # Good Friday
                \t2026-12-24..2026-12-26\r

                *-05-01
                *-12-31..*-01-01
                *-02-29
                """
        )
        let inside = [
            "2026-04-03", "2026-12-24", "2026-12-25", "2026-12-26", "1999-05-01", "2031-12-31",
            "2032-01-01", "2028-02-29",
        ]
        let outside = [
            "2026-04-02", "2026-04-04", "2026-12-23", "2026-12-27", "2027-04-03", "2027-12-25",
            "2026-05-02", "2026-12-30", "2026-01-02", "2026-02-28", "2026-03-01",
        ]
        for text in inside { #expect(set.contains(date(text)), "\(text)") }
        for text in outside { #expect(!set.contains(date(text)), "\(text)") }
        #expect(
            set.description == """
                *-01-01
                *-02-29
                *-05-01
                *-12-31
                2026-04-03
                2026-12-24..2026-12-26

                """
        )
    }

    @Test(
        arguments: [
            ("2026-02-29", .badDate, 1, 1), ("\n  2026-13-01", .badDate, 2, 3),
            ("2026-01-01\nChristmas", .badDate, 2, 1), ("2026-1-1", .badDate, 1, 1),
            ("2026-12-26..2026-12-24", .badDate, 1, 1), ("2026-12-24..", .badDate, 1, 13),
            ("..2026-12-24", .badDate, 1, 1), ("2026-12-24...2026-12-26", .badDate, 1, 13),
            ("2026-12-24..*-12-26", .badDate, 1, 1), ("*-12-24..2026-12-26", .badDate, 1, 1),
            ("*-02-30", .badDate, 1, 1), ("*-00-01", .badDate, 1, 1), ("2026-*-01", .badDate, 1, 1),
            ("2026-12-24 2026-12-25", .badDate, 1, 12), ("12-25", .badDate, 1, 1),
            ("\n\n2026-12-2\u{660}", .badCharacter, 3, 10),
            ("2026-12-24\r\r\n", .badCharacter, 1, 11),
            ("2026-12-24..2026-12-25..2026-12-26", .badDate, 1, 13),
        ] as [(String, CalendarProblem.Code, Int, Int)]
    )
    func `what is no date is refused with its line and column`(
        text: String,
        code: CalendarProblem.Code,
        line: Int,
        column: Int
    ) {
        #expect {
            try DateSet(parsing: text)
        } throws: { error in
            let problem = error as? CalendarProblem
            return problem?.code == code && problem?.line == line && problem?.column == column
        }
    }

    @Test func `a refusal says what to write`() {
        func told(_ text: String) -> String {
            do {
                return try DateSet(parsing: text).description
            } catch {
                return error.description
            }
        }
        #expect(
            told("\n24.12.2026")
                == #"line 2, column 1: "24.12.2026" is no date; "#
                + "write 2026-12-25, *-12-25, or two of them with .. between"
        )
        #expect(told("2026-02-29") == #"column 1: there is no "2026-02-29""#)
    }

    @Test func `any byte may stand in a comment`() throws {
        let set = try DateSet(parsing: "2026-12-25 # Weihnachten \u{1f384}\u{7}# und mehr")
        #expect(set.contains(date("2026-12-25")))
    }

    @Test func `what touches is joined, whatever the order`() throws {
        let expected = try DateSet(parsing: "2026-01-01..2026-01-09")
        let order = [3, 9, 1, 7, 5, 2, 8, 4, 6]
        var set = DateSet()
        #expect(set.isEmpty)
        for day in order {
            let isNew = set.insert(date("2026-01-0\(day)"))
            #expect(isNew)
        }
        #expect(set == expected)
        #expect(set.description == "2026-01-01..2026-01-09\n")
        set.insert(from: date("2025-12-01"), through: date("2026-02-01"))
        #expect(set.description == "2025-12-01..2026-02-01\n")
    }

    @Test(arguments: 0..<20)
    func `it holds what a plain list of days holds, and reads back`(seed: Int) throws {
        var random = SeededBytes(seed: UInt64(seed))
        var plain = Array(repeating: false, count: 400)
        var set = DateSet()
        let start = date("2027-06-01").dayNumber
        for _ in 0..<40 {
            let first = random.next(380)
            let last = first + random.next(12)
            let from = try #require(CivilDate(dayNumber: start + Int64(first)))
            let through = try #require(CivilDate(dayNumber: start + Int64(last)))
            let isTaken = set.insert(from: from, through: through)
            #expect(isTaken)
            for day in first...last { plain[day] = true }
            for day in 0..<400 {
                let date = try #require(CivilDate(dayNumber: start + Int64(day)))
                #expect(set.contains(date) == plain[day])
            }
        }
        #expect(try DateSet(parsing: set.description) == set)
    }

    @Test func `there is a limit to its text and to its ranges`() throws {
        let comment = "#" + String(repeating: "x", count: DateSet.bytesMax)
        #expect {
            try DateSet(parsing: comment)
        } throws: { error in
            (error as? CalendarProblem)?.code == .tooLong
        }
        let start = date("2000-01-01").dayNumber
        let dates = (0...DateSet.rangesMax).compactMap {
            CivilDate(dayNumber: start + Int64($0) * 2)?.description
        }
        let full = try DateSet(parsing: dates.dropLast().joined(separator: "\n"))
        #expect {
            try DateSet(parsing: dates.joined(separator: "\n"))
        } throws: { error in
            let problem = error as? CalendarProblem
            return problem?.code == .tooLong && problem?.line == DateSet.rangesMax + 1
        }
        var set = full
        let isTaken = set.insert(date("1999-01-01"))
        #expect(!isTaken)
        #expect(set == full)
        let isJoined = set.insert(date("2000-01-02"))
        #expect(isJoined)
    }

    @Test func `only dates that some year has come back every year`() {
        var set = DateSet()
        let isDate = set.insertYearly(month: 2, day: 30)
        #expect(!isDate)
        let isMonth = set.insertYearly(month: 13, day: 1)
        #expect(!isMonth)
        #expect(set.isEmpty)
        let isLeapDay = set.insertYearly(month: 2, day: 29)
        #expect(isLeapDay)
        #expect(!set.isEmpty)
    }
}
