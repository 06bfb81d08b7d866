import ControllerCore
import Model
import Store
import Testing

@testable import Controller

/// What was decided goes out when it is durable, in order, and never otherwise.
@Suite struct DriverTests {
    @Test func `nothing is answered before it is durable, and no read runs ahead`() async throws {
        let world = try World()
        #expect(await eventually { world.store.attempts == 1 })
        world.store.hold()
        let followed = try #require(world.driver.feed.follow())
        async let answer = world.addSite("south")
        #expect(await eventually { world.store.attempts == 2 })
        async let names = world.siteNames()
        let isEarly = await eventually(within: .milliseconds(150)) { !world.answers.isEmpty }
        #expect(!isEarly)
        let before = world.store.durable.count
        world.store.letGo()
        #expect(await answer == "done south")
        #expect(await names == ["north", "south"])
        #expect(world.store.durable.count == before + 1)
        var events = followed.makeAsyncIterator()
        let event = await events.next()
        #expect(event?.kind == .siteAdded && event?.subject == "south")
        await world.driver.stop()
    }

    @Test func `answers come in the order of the decisions, and a batch is one transaction`()
        async throws
    {
        let world = try World()
        #expect(await eventually { world.store.attempts == 1 })
        world.store.hold()
        let followed = try #require(world.driver.feed.follow())
        await withTaskGroup(of: String.self) { tasks in
            tasks.addTask { await world.addSite("first") }
            _ = await eventually { world.store.attempts == 2 }
            for number in 1...8 { tasks.addTask { await world.addSite("site-\(number)") } }
            let isEarly = await eventually(within: .milliseconds(100)) { !world.answers.isEmpty }
            #expect(!isEarly)
            world.store.letGo()
            for await answer in tasks { #expect(answer.hasPrefix("done")) }
        }
        #expect(world.store.attempts <= 5, "what waits is written in one go")
        var events = followed.makeAsyncIterator()
        var last: UInt64 = 0
        for _ in 1...9 {
            let event = await events.next()
            #expect(event?.kind == .siteAdded)
            #expect(last == 0 || event?.sequence == last + 1)
            last = event?.sequence ?? 0
        }
        await world.driver.stop()
    }

    @Test func `on a full disk the reserve finishes what is under way, and changes are refused`()
        async throws
    {
        let world = try World()
        #expect(await eventually { world.store.attempts == 1 })
        world.store.set(.full)
        async let answer = world.addSite("south")
        #expect(await eventually { world.room.released == 1 })
        world.store.set(.good)
        #expect(await answer == "done south")
        // The rest of the disk is for what runs by itself.
        #expect(await world.addSite("west") == "storage west")
        #expect(await world.siteNames() == ["north", "south"])
        world.room.make()
        let isTaken = await eventually {
            world.store.durable.count >= 2
        }
        #expect(isTaken)
        var answers: [String] = []
        while answers.last != "done east", answers.count < 500 {
            answers.append(await world.addSite("east"))
            _ = await eventually(within: .milliseconds(50)) { false }
        }
        #expect(answers.last == "done east")
        #expect(Set(answers.dropLast()).isSubset(of: ["storage east"]))
        await world.driver.stop()
    }

    @Test func `who waits for a disk that stays full is told that the outcome is open`()
        async throws
    {
        let world = try World()
        #expect(await eventually { world.store.attempts == 1 })
        world.store.set(.full)
        #expect(await world.addSite("south") == "storage south")
        #expect(await world.addSite("west") == "storage west")
        // Reading goes on, of what is decided; and it is said that this may not be durable.
        #expect(await world.siteNames() == ["north", "south"])
        #expect(world.driver.shortage.isStalled)
        world.store.set(.good)
        world.room.make()
        let isMadeGood = await eventually { !world.driver.shortage.isStalled }
        #expect(isMadeGood)
        #expect(
            await eventually {
                world.store.durable.contains { step in
                    step.contains { write in
                        if case .put("site", "south", _) = write { true } else { false }
                    }
                }
            }
        )
        await world.driver.stop()
    }

    @Test func `as long as what was read is not durable, it is marked`() async throws {
        let world = try World()
        #expect(await eventually { world.store.attempts == 1 })
        #expect(!world.driver.shortage.isStalled)
        world.store.set(.full)
        let task = Task { await world.addSite("south") }
        #expect(await eventually { world.room.released == 1 })
        // The reserve does not help: the disk stays full, and a read is not kept waiting.
        #expect(await world.siteNames() == ["north", "south"])
        #expect(world.driver.shortage.isStalled)
        #expect(world.store.durable.count == 1)
        world.store.set(.good)
        #expect(await task.value.hasSuffix("south"))
        #expect(await eventually { !world.driver.shortage.isStalled })
        #expect(world.store.durable.count == 2)
        // There is no room for changes, but nothing that is shown is in doubt.
        #expect(world.driver.shortage.isOn)
        await world.driver.stop()
    }

    @Test func `an unknown outcome ends the program and answers nobody`() async throws {
        let world = try World()
        #expect(await eventually { world.store.attempts == 1 })
        world.store.set(.broken)
        let task = Task { await world.addSite("south") }
        #expect(await eventually { world.room.failure != nil })
        #expect(world.room.failure?.code == .outcomeUnknown)
        #expect(world.answers == [])
        // The program has ended by now; a test lets go in another way.
        await world.driver.stop()
        #expect(await task.value == "not-active south")
    }

    @Test func `the end of the program acknowledges nothing that is not durable`() async throws {
        let world = try World()
        #expect(await eventually { world.store.attempts == 1 })
        world.store.set(.full)
        let task = Task { await world.addSite("south") }
        #expect(await eventually { world.room.released == 1 })
        await world.driver.stop()
        #expect(await task.value == "not-active south")
        #expect(world.store.durable.count == 1)
    }
}
