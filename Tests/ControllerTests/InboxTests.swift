import Testing

@testable import Controller

@Suite struct InboxTests {
    @Test func `what is urgent comes first, each lane in its order`() {
        let inbox = Inbox<String>()
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

    @Test func `the ordinary lane waits while it is not wanted, and nothing of it is lost`() {
        let inbox = Inbox<String>()
        inbox.put("line", in: .ordinary)
        inbox.put("order", in: .urgent)
        #expect(inbox.take(timeout: .zero, takeOrdinary: false) == ["order"])
        #expect(inbox.take(timeout: .milliseconds(5), takeOrdinary: false) == [])
        #expect(inbox.take(timeout: .zero, takeOrdinary: true) == ["line"])
    }

    @Test func `a closed inbox gives what it has and then ends`() {
        let inbox = Inbox<String>()
        inbox.put("last", in: .ordinary)
        inbox.close()
        #expect(inbox.take(timeout: nil, takeOrdinary: true) == ["last"])
        #expect(inbox.take(timeout: nil, takeOrdinary: true) == nil)
    }

    @Test func `a consumer that waits is woken`() async {
        let inbox = Inbox<Int>()
        let taken = Task.detached { inbox.take(timeout: nil, takeOrdinary: true) }
        inbox.put(7, in: .ordinary)
        #expect(await taken.value == [7])
    }
}
