import ControllerCore
import Host
import Meters
import Model
import Store

/// Makes the page of metrics. However many ask, the cluster is looked at once a second at most.
actor MetricsDesk {
    private static let lookInterval: Duration = .seconds(1)

    private let driver: Driver
    private let store: SQLiteStore
    private let authorityNotAfter: @Sendable () -> WallTime
    private var latest: (begunAt: Instant, look: Task<Void, Never>)?

    init(
        driver: Driver,
        store: SQLiteStore,
        authorityNotAfter: @escaping @Sendable () -> WallTime
    ) {
        self.driver = driver
        self.store = store
        self.authorityNotAfter = authorityNotAfter
    }

    func page(_ format: ExpositionFormat) async -> [UInt8] {
        let now = BootClock.now()
        if latest.map({ now - $0.begunAt >= Self.lookInterval }) ?? true {
            latest = (now, Task { await look() })
        }
        await latest?.look.value
        return driver.meters.registry.page(format)
    }

    private func look() async {
        let views = await driver.views()
        driver.meters.cluster.show(views, authorityNotAfter: authorityNotAfter())
        driver.meters.notificationsPending(
            views.machine.notify.deliveries.values.count { $0.state == .pending }
        )
        driver.meters.update(store: store.space())
    }
}
