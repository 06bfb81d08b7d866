import Calendar
import Model

struct SeededBytes {
    var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    mutating func next(_ bound: Int) -> Int { Int(generator.below(UInt64(bound))) }
}

/// An expression as text, and beside it what it means, made at the same time from the same chance
/// and without the parser: a second opinion.
struct WrittenExpression {
    var text: String
    var isInterval: Bool
    var second: (Int) -> Bool
    var minute: (Int) -> Bool
    var hour: (Int) -> Bool
    var day: (CivilDate) -> Bool

    func matches(_ time: CivilTime) -> Bool {
        second(time.second) && minute(time.minute) && hour(time.hour) && day(time.date)
    }
}

struct RandomExpression {
    private var random: SeededBytes

    init(seed: UInt64) {
        random = SeededBytes(seed: seed)
    }

    private struct Field {
        var text: String
        var isEvery = false
        var isStep = false
        var matches: (Int) -> Bool
    }

    /// - Parameter hours: when given, some expressions are made to meet these hours, so that
    ///   clock changes are met, too.
    mutating func next(withSeconds: Bool = false, hours: ClosedRange<Int>? = nil)
        -> WrittenExpression
    {
        let second =
            withSeconds
            ? field(0...59) : Field(text: "0", matches: { $0 == 0 })
        let minute = field(0...59)
        var hour = field(0...23)
        if let hours, random.next(2) == 0 {
            let fixed = hours.lowerBound + random.next(hours.count)
            hour = Field(text: "\(fixed)", matches: { $0 == fixed })
        }
        let month = random.next(3) > 0 ? Field(text: "*", matches: { _ in true }) : field(1...12)
        let days = dayOfMonth()
        let weekdays = weekday()
        let day: (CivilDate) -> Bool = { date in
            guard month.matches(date.month) else { return false }
            switch (days.isEvery, weekdays.isEvery) {
            case (true, true): return true
            case (false, true): return days.matches(date)
            case (true, false): return weekdays.matches(date)
            case (false, false): return days.matches(date) || weekdays.matches(date)
            }
        }
        let text = [minute.text, hour.text, days.text, month.text, weekdays.text]
            .joined(separator: " ")
        return WrittenExpression(
            text: (withSeconds ? second.text + " " : "") + text,
            isInterval: hour.isEvery || hour.isStep,
            second: second.matches,
            minute: minute.matches,
            hour: hour.matches,
            day: day
        )
    }

    private mutating func field(_ range: ClosedRange<Int>) -> Field {
        let (low, high) = (range.lowerBound, range.upperBound)
        let first = low + random.next(range.count)
        let second = low + random.next(range.count)
        let step = 2 + random.next(range.count - 1)
        func isBetween(_ value: Int) -> Bool {
            first <= second ? first <= value && value <= second : value >= first || value <= second
        }
        switch random.next(6) {
        case 0: return Field(text: "*", isEvery: true, matches: { _ in true })
        case 1: return Field(text: "*/\(step)", isStep: true, matches: { ($0 - low) % step == 0 })
        case 2: return Field(text: "\(first)-\(second)", matches: isBetween)
        case 3:
            return Field(
                text: "\(first)-\(high)/\(step)",
                matches: { $0 >= first && ($0 - first) % step == 0 }
            )
        case 4:
            return Field(text: "\(first),\(second)", matches: { $0 == first || $0 == second })
        default: return Field(text: "\(first)", matches: { $0 == first })
        }
    }

    private struct Days {
        var text: String
        var isEvery = false
        var matches: (CivilDate) -> Bool
    }

    private static func isWorkday(_ date: CivilDate) -> Bool {
        date.weekday != .saturday && date.weekday != .sunday
    }

    private static func length(_ date: CivilDate) -> Int {
        (28...31).last { CivilDate(year: date.year, month: date.month, day: $0) != nil } ?? 28
    }

    /// By trying all days of the month, near ones first, and of two as near the earlier.
    private static func nearestWorkday(to day: Int, in month: CivilDate) -> Int {
        for distance in 0...3 {
            for candidate in [day - distance, day + distance] {
                if let date = CivilDate(year: month.year, month: month.month, day: candidate),
                    isWorkday(date)
                {
                    return candidate
                }
            }
        }
        return 0
    }

    private mutating func dayOfMonth() -> Days {
        let day = 1 + random.next(31)
        switch random.next(9) {
        case 0, 1, 2: return Days(text: "*", isEvery: true, matches: { _ in true })
        case 3: return Days(text: "L", matches: { $0.day == Self.length($0) })
        case 4:
            return Days(
                text: "L-\(day % 30 + 1)",
                matches: { $0.day == Self.length($0) - day % 30 - 1 }
            )
        case 5:
            return Days(
                text: "\(day)W",
                matches: {
                    day <= Self.length($0) && $0.day == Self.nearestWorkday(to: day, in: $0)
                }
            )
        case 6:
            return Days(
                text: "LW",
                matches: { $0.day == Self.nearestWorkday(to: Self.length($0), in: $0) }
            )
        default:
            let field = field(1...31)
            return Days(
                text: field.text,
                isEvery: field.isEvery,
                matches: { field.matches($0.day) }
            )
        }
    }

    private mutating func weekday() -> Days {
        let weekday = random.next(8)
        let count = 1 + random.next(5)
        func isIt(_ date: CivilDate) -> Bool { date.weekday.rawValue == weekday % 7 }
        switch random.next(8) {
        case 0, 1, 2, 3: return Days(text: "?", isEvery: true, matches: { _ in true })
        case 4:
            return Days(
                text: "\(weekday)#\(count)",
                matches: { isIt($0) && ($0.day + 6) / 7 == count }
            )
        case 5:
            return Days(text: "\(weekday)L", matches: { isIt($0) && $0.day + 7 > Self.length($0) })
        default:
            let field = field(0...6)
            return Days(
                text: field.text,
                isEvery: field.isEvery,
                matches: { field.matches($0.weekday.rawValue) }
            )
        }
    }
}
