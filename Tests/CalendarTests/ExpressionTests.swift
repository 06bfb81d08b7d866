import Calendar
import Testing

struct ExpressionTests {
    @Test(arguments: [
        ("* * * * *", "* * * * *"),
        ("0 3 * * MON-FRI", "0 3 * * MON-FRI"),
        ("  0\t3 * *   1-5 ", "0 3 * * MON-FRI"),
        ("00 003 01 1 *", "0 3 1 1 *"),
        ("? ? ? ? ?", "* * * * *"),
        ("*/1 */1 */1 */1 */1", "* * * * *"),
        ("0-59 * * 1-12 *", "* * * * *"),
        ("*/5 * * * *", "*/5 * * * *"),
        ("0-59/5 * * * *", "*/5 * * * *"),
        ("10-40/5 0 * * *", "10-40/5 0 * * *"),
        ("5/10 0 * * *", "5-55/10 0 * * *"),
        ("5/60 0 * * *", "5 0 * * *"),
        ("3,1,2,2,9 0 * * *", "1-3,9 0 * * *"),
        ("0,30 0 * * *", "*/30 0 * * *"),
        ("1,2 0 * * *", "1,2 0 * * *"),
        ("0 22-2 * * *", "0 0-2,22,23 * * *"),
        ("0 22-2/2 * * *", "0 0,2,22 * * *"),
        ("0 0 25-5 * *", "0 0 1-5,25-31 * *"),
        ("0 0 1 nov-FEB *", "0 0 1 1,2,11,12 *"),
        ("0 0 1 December,march *", "0 0 1 3,12 *"),
        ("0 0 * * fri-mon", "0 0 * * MON,FRI-SUN"),
        ("0 0 * * 7", "0 0 * * SUN"),
        ("0 0 * * 0", "0 0 * * SUN"),
        ("0 0 * * 5-7", "0 0 * * FRI-SUN"),
        ("0 0 * * 7-2", "0 0 * * MON,TUE,SUN"),
        ("0 0 * * Saturday-sunday", "0 0 * * SAT,SUN"),
        ("0 0 * * 0-7", "0 0 * * MON-SUN"),
        ("0 0 * * MON-FRI/2", "0 0 * * MON-FRI/2"),
        ("0 0 * * 5/1", "0 0 * * FRI,SAT"),
        ("0 0 1-31 * *", "0 0 1-31 * *"),
        ("0 0 */2 * *", "0 0 */2 * *"),
        ("0 0 *,13 * FRI,?", "0 0 * * *"),
        ("0 0 L * *", "0 0 L * *"),
        ("0 0 l-3,lw,15w,1 * *", "0 0 1,LW,15W,L-3 * *"),
        ("0 0 * * 5L", "0 0 * * FRIL"),
        ("0 0 * * fridayl,0L,mon#2,1#1", "0 0 * * MON#1,MON#2,FRIL,SUNL"),
        ("0 0 * * 7#5,SUN#5", "0 0 * * SUN#5"),
        ("0 */2 * * *", "0 */2 * * *"),
        ("0 0-23/2 * * *", "0 0-22/2 * * *"),
        ("0 0-23 * * *", "0 0-23 * * *"),
        ("0 */13 * * *", "0 */13 * * *"),
        ("0 */24 * * *", "0 */24 * * *"),
        ("0 */2,5 * * *", "0 0,2,4-6,8,10,12,14,16,18,20,22 * * *"),
        ("0 5,*/2 * * *", "0 0,2,4-6,8,10,12,14,16,18,20,22 * * *"),
        ("0 *,5 * * *", "0 * * * *"),
        ("0 0 3 * * *", "0 3 * * *"),
        ("*/10 0 3 * * *", "*/10 0 3 * * *"),
        ("30 0 3 * * *", "30 0 3 * * *"),
        ("@yearly", "0 0 1 1 *"), ("@annually", "0 0 1 1 *"), ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * SUN"), ("@DAILY", "0 0 * * *"), ("@midnight", "0 0 * * *"),
        (" @hourly ", "0 * * * *"),
    ])
    func `an expression has one canonical form, which reads back`(
        text: String,
        canonical: String
    ) throws {
        let expression = try CalendarExpression(parsing: text)
        #expect(expression.description == canonical)
        #expect(try CalendarExpression(parsing: canonical) == expression)
    }

    @Test func `hours stepped through and hours written out are not equal`() throws {
        let stepped = try CalendarExpression(parsing: "0 */2 * * *")
        #expect(try CalendarExpression(parsing: "0 0-22/2 * * *") != stepped)
        let every = try CalendarExpression(parsing: "0 * * * *")
        #expect(try CalendarExpression(parsing: "0 0-23 * * *") != every)
    }

    @Test func `any expression reads back from its canonical form`() throws {
        var random = RandomExpression(seed: 4)
        for _ in 0..<3_000 {
            let written = random.next()
            guard let expression = try? CalendarExpression(parsing: written.text) else { continue }
            let again = try CalendarExpression(parsing: expression.description)
            #expect(again == expression, "\(written.text)")
            #expect(again.description == expression.description, "\(written.text)")
        }
    }

    @Test(
        arguments: [
            ("0 0 30 2 *", 5), ("0 0 31 2,4,6,9,11 *", 5), ("0 0 31W 4 *", 5),
            ("0  0  30,31 FEB *", 7), ("0 0 0 L-29 2 *", 7), ("0 0 30W,L-30 2 *", 5),
        ]
    )
    func `what can never fire is refused`(text: String, column: Int) {
        #expect {
            try CalendarExpression(parsing: text)
        } throws: { error in
            let problem = error as? CalendarProblem
            return problem?.code == .neverFires && problem?.column == column
                && problem?.field == .dayOfMonth
                && "\(error)".contains("this can never fire")
        }
    }

    @Test(arguments: [
        "0 0 29 2 *", "0 0 31 2,3 *", "0 0 30 2 MON", "0 0 30,L 2 *", "0 0 L-28 2 *",
        "0 0 29W 2 *", "0 0 L-30 * *", "0 0 * 2 MON#5", "0 0 30W,LW 2 *",
    ])
    func `what fires seldom is not refused`(text: String) {
        #expect(throws: Never.self) { try CalendarExpression(parsing: text) }
    }

    @Test func `a refusal says the field, the column and the mend`() {
        func told(_ text: String) -> String {
            do {
                return try CalendarExpression(parsing: text).description
            } catch {
                return error.description
            }
        }
        #expect(
            told("0 0 1 JNU *") == #"month, column 7: "JNU" is no month; did you mean JUN?"#
        )
        #expect(
            told("0 0 * * thrusday")
                == #"weekday, column 9: "thrusday" is no weekday; did you mean THURSDAY?"#
        )
        #expect(
            told("0 24 * * *") == #"hour, column 3: "24" is out of range; write 0 to 23"#
        )
        #expect(
            told("*/90 * * * *")
                == #"minute, column 3: a step of "90"; write 1 to 60: "#
                + "steps begin anew with each turn of the field"
        )
        #expect(
            told("0 3 * *")
                == "column 1: 4 fields; write minute, hour, day of month, month, weekday; "
                + "or six, the second first"
        )
        #expect(told("@dayly") == #"column 1: "@dayly" is not known; did you mean @daily?"#)
        #expect(
            told("0 0 30 2,feb *")
                == #"day of month, column 5: this can never fire: there is no day "30" in "#
                + "February; the last day of a month is L"
        )
        #expect(
            told("0 0 * * L")
                == #"weekday, column 9: "L" is not understood; "#
                + "write which day: the last Friday is FRIL"
        )
        #expect(told("0 0 * * \u{1b}[2J") == "column 9: a character that is not printable ASCII")
    }

    @Test(
        arguments: [
            ("", .fieldCount, 1), ("   ", .fieldCount, 1), ("* * * * * * *", .fieldCount, 13),
            ("* * * *", .fieldCount, 1), ("@daily *", .fieldCount, 8),
            ("@reboot", .unknownShortcut, 1), ("@", .unknownShortcut, 1),
            ("60 * * * *", .outOfRange, 1), ("* * 0 * *", .outOfRange, 5),
            ("* * 32 * *", .outOfRange, 5), ("* * * 0 *", .outOfRange, 7),
            ("* * * 13 *", .outOfRange, 7), ("* * * * 8", .outOfRange, 9),
            ("60 * * * * *", .outOfRange, 1), ("* 1,2,60 * * *", .outOfRange, 7),
            ("99999999999999999999 * * * *", .outOfRange, 1),
            ("1,,2 * * * *", .missingValue, 3), (",1 * * * *", .missingValue, 1),
            ("1, * * * *", .missingValue, 3), ("5- * * * *", .missingValue, 3),
            ("-5 * * * *", .missingValue, 1), ("/5 * * * *", .missingValue, 1),
            ("* * ,L * *", .missingValue, 5), ("* * * * MON,", .missingValue, 13),
            ("*/0 * * * *", .badStep, 3), ("*/ * * * *", .badStep, 3),
            ("*/x * * * *", .badStep, 3), ("* */25 * * *", .badStep, 5),
            ("* * * */13 *", .badStep, 9), ("* * * * */8", .badStep, 11),
            ("1/2/3 * * * *", .badForm, 1), ("1-2-3 * * * *", .badForm, 1),
            ("* * L-0 * *", .badForm, 5), ("* * L-31 * *", .badForm, 5),
            ("* * LX * *", .badForm, 5), ("* * L/2 * *", .badForm, 5), ("* * W * *", .badForm, 5),
            ("* * 0W * *", .badForm, 5), ("* * 32W * *", .badForm, 5),
            ("* * 1-5W * *", .badForm, 5), ("* * * * MON#0", .badForm, 9),
            ("* * * * MON#6", .badForm, 9), ("* * * * MON#2#3", .badForm, 9),
            ("* * * * MON#", .badForm, 9), ("* * * * #2", .missingValue, 9),
            ("* * * * 8#2", .outOfRange, 9), ("* * * * XL", .unknownName, 9),
            ("MON * * * *", .badForm, 1), ("1.5 * * * *", .badForm, 1), ("+5 * * * *", .badForm, 1),
            ("*5 * * * *", .badForm, 1), ("5* * * * *", .badForm, 1), ("** * * * *", .badForm, 1),
            ("*-5 * * * *", .badForm, 1), ("L * * * *", .badForm, 1),
            ("* * * MON *", .unknownName, 7), ("* * * * JAN", .unknownName, 9),
            ("* * * * MO", .unknownName, 9), ("* * * JANU *", .unknownName, 7),
            ("٥ * * * *", .badCharacter, 1), ("* *\n* * *", .badCharacter, 4),
            ("* * * * *\u{0}", .badCharacter, 10), ("5\u{301} * * * *", .badCharacter, 2),
        ] as [(String, CalendarProblem.Code, Int)]
    )
    func `what is no expression is refused where it is wrong`(
        text: String,
        code: CalendarProblem.Code,
        column: Int
    ) {
        #expect {
            try CalendarExpression(parsing: text)
        } throws: { error in
            let problem = error as? CalendarProblem
            return problem?.code == code && problem?.column == column && problem?.line == 1
        }
    }

    @Test func `an expression that is too long is refused unread`() {
        let long = String(repeating: "1,", count: 123) + "1 * * * *"
        #expect(long.utf8.count == 255)
        #expect(throws: Never.self) { try CalendarExpression(parsing: long) }
        #expect {
            try CalendarExpression(parsing: long + "  ")
        } throws: { error in
            (error as? CalendarProblem)?.code == .tooLong
        }
    }

    @Test func `any bytes are an expression or are refused, and never trap`() {
        var generator = SeededBytes(seed: 5)
        let alphabet = Array("0123456789*/-,?#LWlw @MONFRIJAN \t.".utf8)
        for _ in 0..<20_000 {
            let count = Int(generator.next(24))
            let bytes = (0..<count).map { _ in alphabet[Int(generator.next(alphabet.count))] }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let expression = try? CalendarExpression(parsing: text) else { continue }
            #expect((try? CalendarExpression(parsing: expression.description)) == expression)
        }
    }

    @Test func `a day matches by its month and by either of two restrictions`() throws {
        let expression = try CalendarExpression(parsing: "0 0 13 2,3 FRI")
        #expect(expression.matches(date("2026-02-13")))
        #expect(expression.matches(date("2026-03-06")))
        #expect(expression.matches(date("2027-03-13")))
        #expect(!expression.matches(date("2026-03-14")))
        #expect(!expression.matches(date("2026-04-13")))
    }
}
