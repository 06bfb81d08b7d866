import API
import Calendar
import ControllerCore
import Foundation
import Glibc
import Model
import Protocol
import Testing

@testable import Controller

/// The tz database is read as files of this host, and nothing else is.
@Suite struct ZoneTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = NSTemporaryDirectory() + "muster-zones-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder + "/Europe",
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try body(folder)
    }

    private static let berlin = ZoneName("Europe/Berlin")!

    @Test func `a zone of the host is read, and one that is not there is not`() throws {
        let rules = try #require(
            ZoneDirectory().rules(Self.berlin),
            "apt-get install tzdata?"
        )
        // A winter's and a summer's day of 2026.
        #expect(rules.offset(at: 1_768_000_000).abbreviation == "CET")
        #expect(rules.offset(at: 1_784_000_000).secondsEast == 7_200)
        #expect(ZoneDirectory().rules(ZoneName("Europe/Atlantis")!) == nil)
    }

    @Test func `UTC needs no file`() {
        #expect(ZoneDirectory(path: "/nowhere").rules(.utc) == .utc)
    }

    @Test func `what is no file of zone rules is not taken for one`() throws {
        try withFolder { folder in
            let directory = ZoneDirectory(path: folder)
            let path = folder + "/Europe/Berlin"
            #expect(directory.rules(Self.berlin) == nil)
            try Data("not rules at all".utf8).write(to: URL(fileURLWithPath: path))
            #expect(directory.rules(Self.berlin) == nil)
            let large = Data(repeating: 0, count: ZoneRules.bytesMax + 1)
            try large.write(to: URL(fileURLWithPath: path))
            #expect(directory.rules(Self.berlin) == nil)
            // A folder, and a pipe that nobody writes to: neither is waited for.
            #expect(directory.rules(ZoneName("Europe")!) == nil)
            #expect(unlink(path) == 0 && mkfifo(path, 0o600) == 0)
            #expect(directory.rules(Self.berlin) == nil)
            // The same folder with a true file in it: the checks above could have passed.
            unlink(path)
            try FileManager.default.copyItem(
                atPath: ZoneDirectory.standardPath + "/Europe/Paris",
                toPath: path
            )
            #expect(directory.rules(Self.berlin) != nil)
        }
    }

    private static func draft(_ name: String, zone: String = "Europe/Berlin") throws
        -> ScheduleDraft
    {
        var request = AddScheduleRequest(
            name: name,
            recurrence: "calendar 0 3 * * * in \(zone)",
            task: TaskRequest(type: "PUSH")
        )
        request.missed = "skip"
        return try ConsoleRoutes.draft(request)
    }

    private static func keeper(
        _ world: World,
        _ directory: ZoneDirectory = ZoneDirectory()
    ) throws -> ZoneKeeper {
        let configuration = try ControllerConfiguration.parse("log: {level: critical}", path: "x")
        return ZoneKeeper(
            driver: world.driver,
            log: ProgramLog.start(configuration),
            directory: directory
        )
    }

    @Test func `the machine has a zone's rules before the command that needs them`() async throws {
        let world = try World()
        let keeper = try Self.keeper(world)
        let command = Command(.addSchedule(try Self.draft("nightly")))
        let before = await world.driver.perform(command, by: World.admin)
        guard case .refused(let refused) = before else {
            Issue.record("a zone that nobody has loaded was taken: \(before)")
            return
        }
        #expect(refused.code == .unknownName)
        #expect(keeper.load(Self.berlin))
        let after = await world.driver.perform(command, by: World.admin)
        guard case .done(let text, _) = after else {
            Issue.record("turned away although the zone was loaded: \(after)")
            return
        }
        #expect(text.contains("schedule nightly fires next at"))
        await world.driver.stop()
    }

    @Test func `a zone that cannot be read any more keeps its rules, and a new file is heeded`()
        async throws
    {
        let world = try World()
        let folder = NSTemporaryDirectory() + "muster-zones-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: folder + "/Europe",
            withIntermediateDirectories: true
        )
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/Europe/Berlin"
        let source = ZoneDirectory.standardPath
        try FileManager.default.copyItem(atPath: source + "/Europe/Berlin", toPath: path)
        let keeper = try Self.keeper(world, ZoneDirectory(path: folder))
        keeper.load(Self.berlin)
        _ = await world.driver.perform(
            Command(.addSchedule(try Self.draft("nightly"))),
            by: World.admin
        )
        let name = ScheduleName("nightly")
        func next() async -> WallTime? {
            await world.driver.read { machine, _ in machine.schedules.entries[name]?.next }
        }
        let first = try #require(await next())
        try FileManager.default.removeItem(atPath: path)
        await keeper.loadAll()
        #expect(await next() == first)
        // Tokyo's clock under Berlin's name: an update of the database.
        try FileManager.default.copyItem(atPath: source + "/Asia/Tokyo", toPath: path)
        await keeper.loadAll()
        #expect(await next() != first)
        await world.driver.stop()
    }
}
