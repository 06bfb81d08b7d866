import Calendar
import Foundation
import Model

/// The files of Fixtures, which `Fixtures/generate.py` wrote.
enum Fixture {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures")

    static let zoneNames = [
        "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu",
        "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia", "UTC", "Europe/Dublin",
        "Antarctica/Troll", "America/Nuuk", "Asia/Gaza",
    ]

    static func bytes(_ zone: String) -> [UInt8] {
        let name = zone.replacing("/", with: "-") + ".tzif"
        guard let data = try? Data(contentsOf: folder.appendingPathComponent("Zones/" + name))
        else { fatalError("no zone \(zone) among the fixtures") }
        return Array(data)
    }

    static func zone(_ name: String) -> ZoneRules {
        do {
            return try ZoneRules(tzif: bytes(name))
        } catch {
            fatalError("\(name): \(error)")
        }
    }

    static func lines(_ name: String) -> [[Substring]] {
        guard
            let text = try? String(
                contentsOf: folder.appendingPathComponent(name),
                encoding: .utf8
            )
        else { fatalError("no fixture \(name)") }
        return text.split(separator: "\n").map {
            $0.split(separator: name == "cron.txt" ? "|" : " ")
        }
    }
}

/// `2026-03-29T02:30:00`, as a clock on the wall shows it.
func civil(_ text: String) -> CivilTime {
    let parts = text.split(separator: "T").map(String.init)
    let time = parts[1].split(separator: ":").compactMap { Int($0) }
    guard let date = CivilDate(parsing: parts[0]),
        let civil = CivilTime(date, hour: time[0], minute: time[1], second: time[2])
    else { fatalError("not a civil time: \(text)") }
    return civil
}

func date(_ text: String) -> CivilDate {
    guard let date = CivilDate(parsing: text) else { fatalError("not a date: \(text)") }
    return date
}

func wall(_ text: String) -> WallTime {
    guard let time = WallTime(iso8601: text) else { fatalError("not a time: \(text)") }
    return time
}

/// `2026-03-29 03:00:00 CEST`, as the zone's clock and its owner would say it.
func told(_ time: WallTime, in zone: ZoneRules) -> String {
    let seconds = time.milliseconds / 1_000
    guard let civil = zone.civilTime(at: seconds) else { return "outside the calendar" }
    return "\(civil) \(zone.offset(at: seconds).abbreviation)".replacing(
        "T",
        with: " ",
        maxReplacements: 1
    )
}
