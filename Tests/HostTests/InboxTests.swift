import Glibc
import Host
import Testing

@Suite struct InboxTests {
    @Test func `what is urgent comes first, each lane in its order`() throws {
        let inbox = try Inbox<String>()
        inbox.put("line 1", in: .ordinary)
        inbox.put("line 2", in: .ordinary)
        inbox.put("order 1", in: .urgent)
        inbox.put("order 2", in: .urgent)
        #expect(
            inbox.take(timeout: .zero, takeOrdinary: true)
                == ["order 1", "order 2", "line 1", "line 2"]
        )
        #expect(inbox.take(timeout: .zero, takeOrdinary: true) == [])
    }

    @Test func `the ordinary lane waits while it is not wanted, and nothing of it is lost`() throws
    {
        let inbox = try Inbox<String>()
        inbox.put("line", in: .ordinary)
        inbox.put("order", in: .urgent)
        #expect(inbox.take(timeout: .zero, takeOrdinary: false) == ["order"])
        #expect(inbox.take(timeout: .milliseconds(5), takeOrdinary: false) == [])
        #expect(inbox.take(timeout: .zero, takeOrdinary: true) == ["line"])
    }

    @Test func `a closed inbox gives what it has and then ends`() throws {
        let inbox = try Inbox<String>()
        inbox.put("last", in: .ordinary)
        inbox.close()
        #expect(inbox.take(timeout: nil, takeOrdinary: true) == ["last"])
        #expect(inbox.take(timeout: nil, takeOrdinary: true) == nil)
    }

    @Test func `a consumer that waits is woken`() async throws {
        let inbox = try Inbox<Int>()
        let taken = Task.detached { inbox.take(timeout: nil, takeOrdinary: true) }
        inbox.put(7, in: .ordinary)
        #expect(await taken.value == [7])
    }

    @Test func `the bell rings once for what came together, and is quiet when all is taken`()
        throws
    {
        let inbox = try Inbox<Int>()
        func isRung() -> Bool {
            var watched = pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&watched, 1, 0) == 1
        }
        #expect(!isRung())
        for number in 1...100_000 { inbox.put(number) }
        #expect(isRung())
        #expect(inbox.take().count == 100_000)
        #expect(!isRung())
        #expect(inbox.take().isEmpty)
    }
}
