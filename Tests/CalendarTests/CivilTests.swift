import Calendar
import Model
import Testing

struct CivilTests {
    /// Counts on its fingers, so that a mistake in the arithmetic has nothing to hide behind.
    @Test func `every day of 800 years follows the one before`() throws {
        var (year, month, day) = (1_600, 1, 1)
        var weekday = 6
        for number in date("1600-01-01").dayNumber..<date("2400-01-01").dayNumber {
            let date = try #require(CivilDate(dayNumber: number))
            guard (date.year, date.month, date.day) == (year, month, day),
                date.weekday.rawValue == weekday, date.dayNumber == number
            else {
                Issue.record("\(date) where \(year)-\(month)-\(day) was expected")
                return
            }
            weekday = (weekday + 1) % 7
            day += 1
            let isLeap = year % 400 == 0 || year % 4 == 0 && year % 100 != 0
            let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
            if day > lengths[month - 1] { (month, day) = (month + 1, 1) }
            if month > 12 { (year, month) = (year + 1, 1) }
        }
        #expect(year == 2_400)
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00", 0, Weekday.thursday),
            ("1969-12-31T23:59:59", -1, .wednesday),
            ("2000-02-29T12:34:56", 951_827_696, .tuesday),
            ("2026-11-23T06:41:12", 1_795_416_072, .monday),
            ("0000-01-01T00:00:00", -62_167_219_200, .saturday),
            ("9999-12-31T23:59:59", 253_402_300_799, .friday),
        ] as [(String, Int64, Weekday)]
    )
    func `a civil time is its seconds and back`(text: String, seconds: Int64, weekday: Weekday) {
        #expect(civil(text).seconds == seconds)
        #expect(CivilTime(seconds: seconds)?.description == text)
        #expect(civil(text).date.weekday == weekday)
    }

    @Test func `there is no time outside the years of four digits`() {
        #expect(CivilTime(seconds: 253_402_300_800) == nil)
        #expect(CivilTime(seconds: -62_167_219_201) == nil)
        #expect(CivilTime(seconds: .max) == nil)
        #expect(CivilTime(seconds: .min) == nil)
        #expect(CivilDate(year: 10_000, month: 1, day: 1) == nil)
        #expect(CivilDate(year: -1, month: 1, day: 1) == nil)
    }

    @Test(arguments: [
        "2026-02-29", "2100-02-29", "2026-13-01", "2026-00-01", "2026-04-31", "2026-01-00", "",
        "2026-1-1", "26-01-01", "2026/01/01", "+026-01-01", "2026-01-01 ", "٢٠٢٦-01-01",
    ])
    func `what is no date is refused`(text: String) {
        #expect(CivilDate(parsing: text) == nil)
    }

    @Test func `a date that is read is written alike, and dates are in order`() {
        #expect(date("2024-02-29").description == "2024-02-29")
        #expect(date("0007-01-02").description == "0007-01-02")
        #expect(date("2024-02-29") < date("2024-03-01"))
        #expect(date("2024-12-31") < date("2025-01-01"))
        #expect(civil("2024-12-31T23:59:59") < civil("2025-01-01T00:00:00"))
        #expect(!(civil("2024-12-31T23:59:59") < civil("2024-12-31T23:58:59")))
    }

    @Test func `no time of day has a twenty-fifth hour or a leap second`() {
        let day = date("2026-12-31")
        #expect(CivilTime(day, hour: 24, minute: 0) == nil)
        #expect(CivilTime(day, hour: 23, minute: 60) == nil)
        #expect(CivilTime(day, hour: 23, minute: 59, second: 60) == nil)
        #expect(CivilTime(day, hour: 0, minute: -1) == nil)
    }
}
