import API
import Host
import Model
import Synchronization
import Testing

@testable import Controller

@Suite struct SharedViewsTests {
    private final class Looks: Sendable {
        let count = Mutex(0)
    }

    @Test func `hundreds who ask at once are answered by one look or two`() async throws {
        let looks = Looks()
        let shared = SharedViews {
            looks.count.withLock { $0 += 1 }
            await Task.yield()
            throw CancellationError()
        }
        let moment = BootClock.now()
        await withTaskGroup(of: Void.self) { tasks in
            for _ in 0..<500 {
                tasks.addTask {
                    await #expect(throws: CancellationError.self) {
                        try await shared.views(notBefore: moment)
                    }
                }
            }
        }
        #expect((1...2).contains(looks.count.withLock { $0 }))
    }

    @Test func `what was looked at before is not shown for what came after`() async throws {
        let looks = Looks()
        let shared = SharedViews {
            looks.count.withLock { $0 += 1 }
            throw CancellationError()
        }
        for number in 1...5 {
            let moment = BootClock.now() + .nanoseconds(1)
            await #expect(throws: CancellationError.self) {
                try await shared.views(notBefore: moment)
            }
            #expect(looks.count.withLock { $0 } == number)
        }
    }
}
