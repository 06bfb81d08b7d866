import ControllerCore
import Foundation
import Model
import Protocol
import Testing

/// Each kind of run, and its controller killed right before and right after each of its steps, and
/// between what is written of a step and what follows from it.
struct RunInterruptionTests {
    struct Course: Hashable, CustomStringConvertible {
        var kind: RunKind
        var plan: PlanName?

        var description: String { plan.map { "\(kind.rawValue) by plan \($0)" } ?? kind.rawValue }
    }

    static let courses = [
        Course(kind: .switchover), Course(kind: .failover), Course(kind: .failback),
        Course(kind: .drill), Course(kind: .switchover, plan: "written"),
        Course(kind: .failover, plan: "written"),
    ]

    private static func world(_ course: Course) -> RunWorld {
        RunWorld(course.kind, plan: course.plan)
    }

    @Test(arguments: courses)
    func `a run comes to the same end wherever its controller is killed`(_ course: Course) {
        var undisturbed = Self.world(course)
        undisturbed.drive()
        #expect(undisturbed.run?.state == .done, "\(undisturbed.end)")
        #expect(undisturbed.stage.moves.count > 2)
        for transaction in undisturbed.stage.moves.indices {
            for moment in Stage.Death.Moment.allCases {
                for hooksOutlive in [true, false] {
                    var world = Self.world(course)
                    world.hooksOutlive = hooksOutlive
                    world.stage.death = .init(transaction: transaction, moment: moment)
                    world.drive()
                    let place = "\(course), \(undisturbed.stage.moves[transaction]) \(moment)"
                    #expect(world.lives == 2, "\(place)")
                    #expect(world.end == undisturbed.end, "\(place)")
                }
            }
        }
    }

    /// The rows of `docs/run-interruptions.md`, made by the runs themselves.
    @Test func `the table of interrupted runs is what happens`() throws {
        var rows: [String] = []
        for course in Self.courses { rows += Self.rows(of: course) }
        let printed = try Self.printed()
        #expect(printed == rows, "the rows are now:\n\(rows.joined(separator: "\n"))")
    }

    private static func printed() throws -> [String] {
        var root = URL(fileURLWithPath: #filePath)
        for _ in 0..<4 { root.deleteLastPathComponent() }
        let file = root.appendingPathComponent("docs/run-interruptions.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        return text.split(separator: "\n").map(String.init).filter { line in
            courses.contains { line.hasPrefix("| \($0) | ") }
        }
    }

    private static func rows(of course: Course) -> [String] {
        var undisturbed = world(course)
        undisturbed.drive()
        var rows: [String] = []
        for step in undisturbed.stage.machine.runs.steps(of: undisturbed.run!.id) {
            let name = step.step.name
            func cell(_ state: RunStepState, _ moment: Stage.Death.Moment) -> String {
                let transaction = undisturbed.stage.moves.firstIndex {
                    $0.contains("\(name) \(state.rawValue)")
                }
                guard let transaction else { return "–" }
                var killed = world(course)
                killed.stage.death = .init(transaction: transaction, moment: moment)
                killed.drive()
                return verdict(killed, undisturbed)
            }
            let cells = [
                cell(.running, .beforeDurable), cell(.running, .beforeEffects),
                cell(.running, .afterEffects), cell(.done, .beforeDurable),
                cell(.done, .afterEffects),
            ]
            rows.append("| \(course) | \(name) | " + cells.joined(separator: " | ") + " |")
        }
        return rows
    }

    private static func verdict(_ killed: RunWorld, _ undisturbed: RunWorld) -> String {
        guard killed.end == undisturbed.end else { return "ANOTHER END" }
        let later = (killed.took - undisturbed.took + 500) / 1_000
        return "same end" + (killed.askedFirst.map { ", `\($0)` asked first" } ?? "")
            + (later > 0 ? ", \(later) s later" : "")
    }
}
