import AgentCore
import ControllerCore
import Model

// The controller's store is lost, and a backup takes its place: an operator says which site is active,
// and says what is so. Some begin without that word, and are told that the controller does not act.

extension World {
    private static let copiesMax = 3

    func tendBackups() {
        after(between(20 * second, 35 * second)) { $0.keepBackups() }
        after(between(45 * second, 70 * second)) { $0.loseStores() }
    }

    private func keepBackups() {
        guard !isCalm else { return }
        let isReady = work.map(\.clients.isRegionDeclared) ?? true
        if isReady, covers(controller.store), checks.saidLater == nil {
            storeCopies.append(controller.store)
            if storeCopies.count > Self.copiesMax { storeCopies.removeFirst() }
            say("backup", "is taken")
        }
        after(between(8 * second, 30 * second)) { $0.keepBackups() }
    }

    private func loseStores() {
        guard !isCalm else { return }
        replaceStore()
        after(between(15 * second, 60 * second)) { $0.loseStores() }
    }

    /// What a backup does not know of members is documented, and mended by hand: these restores leave
    /// nobody out.
    private func covers(_ store: DurableStore) -> Bool {
        hosts.allSatisfy { host in
            guard !host.isClone else { return true }
            guard let identity = host.identity,
                case .node(let record)? = store.record(.node, identity.node.text)
            else { return false }
            return record.membership == .joined
                && (record.key == host.key || record.previousKeys.contains(host.key))
        }
    }

    private func replaceStore() {
        let able = storeCopies.filter(covers)
        guard controller.process.isAlive, checks.saidLater == nil, !able.isEmpty else { return }
        let copy = able[Int(chance.below(UInt64(able.count)))]
        controller.crash()
        guard let before = checks.durableCluster else { return }
        let site = before.activeSite
        controller.store = copy
        controller.generation += 1
        let isMoved = checks.durableCluster?.activeSite != site
        let isNeeded = plan.standbyHosts > 0
        // Site b is known in every world, and may have been made active since the backup.
        let isOvertaken = checks.durableCluster?.epoch.counter != before.epoch.counter
        let isSaid =
            isNeeded ? happens(perMille: 800) : isOvertaken || happens(perMille: 400)
        say(
            "operator",
            "restores a backup; site \(site) is active, moved \(isMoved), said \(isSaid)"
        )
        if isSaid { controller.store.say(site, isOld: true) }
        checks.storeReplaced()
        work?.checks.storeReplaced()
        data?.storeReplaced()
        if !isSaid {
            checks.saidLater = site
            after(between(3 * second, 25 * second)) { $0.adoptStore() }
        }
        after(between(100 * millisecond, happens(perMille: 200) ? 30 * second : 3 * second)) {
            $0.controller.start()
        }
    }

    /// The word that was missing.
    func adoptStore() {
        guard let site = checks.saidLater else { return }
        controller.crash()
        controller.generation += 1
        controller.store.say(site, isOld: true)
        checks.saidLater = nil
        say("operator", "adopts the store; site \(site) is active")
        after(between(100 * millisecond, 3 * second)) { $0.controller.start() }
    }
}
