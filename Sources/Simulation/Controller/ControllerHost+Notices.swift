import ControllerCore
import Model

// Mail and its like: slow, failing now and then, and taken although the controller never hears of it.

extension ControllerHost {
    /// Rules under which everything that matters is told, so quickly that much of it is.
    static let rules = NotifyRules(
        receivers: [
            NotifyReceiver(name: "ops", mail: ["ops@example.com", "boss@example.com"]),
            NotifyReceiver(name: "chat", webhooks: ["chat"]),
        ],
        routes: [
            NotifyRoute(
                receivers: ["ops"],
                continues: true,
                groupWait: .seconds(2),
                groupInterval: .seconds(10)
            ),
            NotifyRoute(
                kinds: [KindPattern("node.*"), KindPattern("site.*")],
                receivers: ["chat"],
                groupBy: .kind,
                groupWait: .seconds(1),
                groupInterval: .seconds(5)
            ),
        ],
        thresholds: [
            NotifyThreshold(
                name: "most",
                site: "a",
                minimum: 2,
                hold: .seconds(2),
                recover: .seconds(3)
            )
        ],
        giveUpAfter: .seconds(60),
        undeliverable: ["chat"]
    )

    func deliver(_ delivery: Delivery) {
        world.checks.delivers(delivery)
        let life = process.life
        let time = world.between(millisecond, 2 * second)
        let chance = world.isCalm ? 0 : world.between(0, 999)
        world.after(time) { world in
            let host: ControllerHost = world.controller
            let outcome: DeliveryOutcome =
                switch chance {
                case 970...: .refused("no such user")
                case 850...: .failed("connection refused")
                // It is taken, and the word of it is lost.
                case 800...: .failed("no answer")
                default: .delivered
                }
            host.process.run(in: world, life: life) { _ in
                host.step(.delivered(delivery.number, attempt: delivery.attempt, outcome))
            }
        }
    }
}
