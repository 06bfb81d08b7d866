import ControllerCore
import Model
import Protocol

// Submissions at the console, and the settings that direct work.

extension Operators {
    /// The look-up of the keys is made when the request comes, and the machine is told later: what
    /// is accepted in between it must know by itself.
    func submit(
        _ offers: [TaskOffer],
        by account: Account,
        then: @escaping (Reply.Outcome?) -> Void
    ) {
        lastRequest += 1
        let request = RequestID(lastRequest)
        let caller = Caller(
            name: account.name,
            key: account.key,
            source: "console:\(request.number)"
        )
        let isEntitled = account.role == .operator || account.role == .admin
        asked[request] = Asked(
            caller: caller,
            command: Command(.preflight([])),
            mayAct: isEntitled ? (account.isEnrolled ? true : nil) : false,
            then: then
        )
        world.say(account.name.text, "submits \(offers.count) tasks")
        world.after(world.between(millisecond, 20 * millisecond)) { world in
            world.controller.run { world in
                let host: ControllerHost = world.controller
                var offers = offers
                for index in offers.indices {
                    offers[index].known = offers[index].submission.idempotencyKey.flatMap {
                        host.store.taskKeys[$0]
                    }
                }
                let life = host.process.life
                world.after(host.lookupTime()) { world in
                    host.process.run(in: world, life: life) { _ in
                        host.step(.submitted(request, caller, offers))
                    }
                }
            }
        }
        world.after(6 * second) { _ in self.giveUp(request) }
    }

    /// Settings that every world with tasks has.
    func prepareTasks() {
        insistOnSetting("task.attribute.region", "1") {
            self.world.work?.clients.isRegionDeclared = true
        }
        insistOnSetting("task.retry-delay", "1s")
        insistOnSetting("task.retry-delay-max", "3s")
    }

    private func insistOnSetting(
        _ key: String,
        _ value: String,
        then: @escaping () -> Void = {}
    ) {
        world.after(8 * second) { _ in
            self.insist(.set(.cluster, key: key, value: value), then: then)
        }
    }

    /// A setting below `task.`, as an operator may change it at any time.
    func someWorkSetting(_ name: NodeName) -> Command.Verb {
        func one(_ values: [String]) -> String {
            values[Int(world.chance.below(UInt64(values.count)))]
        }
        switch world.chance.below(7) {
        case 0, 1:
            return .set(
                .cluster,
                key: "task.policy",
                value: one(["account-affinity", "attribute-match", "round-robin", "least-loaded"])
            )
        case 2: return .set(.cluster, key: "task.strict", value: one(["yes", "no"]))
        case 3: return .set(.cluster, key: "task.affinity.width", value: one(["1", "2", "3"]))
        case 4:
            return .set(.node(name), key: "task.prefer", value: one(["PGP", "region=eu", "PUSH"]))
        case 5: return .set(.node(name), key: "task.slots", value: one(["1", "2", "5"]))
        default:
            return .set(.node(name), key: "task.overload.running", value: one(["1", "3", "9"]))
        }
    }
}
