import ControllerCore
import Model
import Protocol
import Testing

/// Nodes that give back what they are given because they cannot write it.
struct ShortageTests {
    /// Gives everything back as a node with a full disk does, for so many seconds.
    ///
    /// - Returns: when something was given, in whole seconds from the beginning.
    private func returnAll(_ stage: inout Stage, _ node: ConnectionID, for seconds: Int) -> [Int] {
        var given: [Int] = []
        for second in 0..<seconds {
            while let attempt = stage.runs(node).first {
                if given.last != second { given.append(second) }
                stage.say(
                    .work(.returned(attempt, code: .storage, text: "no space left")),
                    on: node
                )
            }
            stage.pass(.seconds(1))
            stage.beat(node)
        }
        return given
    }

    @Test func `a node with a full disk is asked after 1 s, doubled each time, and each minute`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain(slots: 4)])
        stage.submit(count: 4)
        // All four come back at once, which counts once.
        let given = returnAll(&stage, node, for: 320)
        #expect(given == [0, 1, 3, 7, 15, 31, 63, 123, 183, 243, 303])
    }

    @Test func `the reason is told, and another node gets the task meanwhile`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        let task = stage.submit()[0]
        _ = returnAll(&stage, node, for: 4)
        let candidate = stage.machine.work.explain(task)?.candidates.first
        let text = "it cannot write what it is given (no space left), asked again in 3s"
        #expect(candidate?.entry.obstacle == text)
        #expect(candidate?.room == text)
        let other = stage.online("n2", handlers: [.plain()])
        #expect(stage.runs(other).map(\.task) == [task])
    }

    @Test func `one success ends it`() {
        for isStarted in [true, false] {
            var stage = Stage()
            let node = stage.online("n1", handlers: [.plain()])
            let tasks = stage.submit(count: 3)
            _ = returnAll(&stage, node, for: 15)
            stage.live([node], for: 1)
            let attempt = stage.runs(node)[0]
            if isStarted {
                stage.say(.work(.started(attempt)), on: node)
            }
            stage.end(attempt, on: node)
            #expect(stage.state(attempt.task) == .done)
            // At once, and the next pause is the first again.
            #expect(stage.runs(node).map(\.task) == [tasks[1]])
            #expect(stage.machine.work.explain(tasks[2])?.candidates.first?.entry.obstacle == nil)
            #expect(returnAll(&stage, node, for: 10) == [0, 1, 3, 7])
        }
    }

    @Test func `a task that is turned away for another reason pauses its node for a second`() {
        var stage = Stage()
        let node = stage.online("n1", handlers: [.plain()])
        stage.submit()
        for _ in 0..<5 {
            let attempt = stage.runs(node)[0]
            stage.say(.work(.returned(attempt, code: .busy, text: "")), on: node)
            #expect(stage.runs(node).isEmpty)
            stage.live([node], for: 1)
        }
        #expect(stage.runs(node).count == 1)
    }
}
