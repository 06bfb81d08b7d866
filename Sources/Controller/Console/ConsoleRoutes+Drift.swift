import API
import ControllerCore
import Foundation
import Hummingbird
import Model
import Protocol

// Drift between the nodes of pairs: names for everybody, texts for those who may, and written down.

extension ConsoleRoutes {
    func showDrift(_ request: ConsoleRequest) async throws -> Response {
        let name = try request.name("name", as: SiteKind.self)
        let found = await views { views in
            views.machine.sites[name] == nil ? nil : views.drift(of: name)
        }
        guard let found else { throw await unknownSite(name.text) }
        return try ConsoleAnswer.json(found)
    }

    func showFileDiff(_ request: ConsoleRequest) async throws -> Response {
        let site = try request.name("name", as: SiteKind.self)
        let node = try ConsoleRequest.name(try wanted("node", request), as: NodeNameKind.self)
        let set = try ConsoleRequest.name(try wanted("set", request), as: ComparedSetKind.self)
        let path = try wanted("path", request)
        let isOfSite = await driver.read { machine, _ in
            machine.driftPairs(of: site).contains {
                $0.standbyName == node || $0.productionName == node
            }
        }
        let outcome = await driver.perform(
            Command(.readFile(node, set, path: path)),
            by: caller(request)
        )
        let texts: FileTexts
        switch outcome {
        case .refused(let refused): throw API.Failure(refused)
        case .texts(let found): texts = found
        default: throw API.Failure(code: API.FailureCode.internal, detail: "no texts came")
        }
        // Not before: who may not read learns of no pairs.
        guard isOfSite else {
            throw API.Failure(
                code: RefusalCode.unknownName.rawValue,
                detail: "node \(node) is in no pair of site \(site)",
                mend: "muster node pairs"
            )
        }
        // Here and not where it is decided: comparing takes its time.
        let diff = UnifiedDiff(
            old: texts.productionText ?? [],
            new: texts.standbyText ?? [],
            names: ("\(texts.production)/\(path)", "\(texts.standby)/\(path)")
        )
        return try ConsoleAnswer.json(
            FileDiff(
                asOf: DriverLoop.moment().wall.iso8601,
                standby: texts.standby.text,
                production: texts.production.text,
                set: set.text,
                path: path,
                onStandby: texts.standbyText != nil,
                onProduction: texts.productionText != nil,
                lines: diff.lines
            )
        )
    }

    private func wanted(_ key: String, _ request: ConsoleRequest) throws(API.Failure) -> String {
        guard let value = request.query(key), !value.isEmpty else {
            throw API.Failure(
                code: RefusalCode.invalid.rawValue,
                detail: "the parameter \(key) is missing"
            )
        }
        return value
    }
}

extension NodeViews {
    func drift(of site: SiteName) -> SiteDrift {
        SiteDrift(
            asOf: asOf,
            site: site.text,
            role: machine.role(of: site).rawValue,
            pairs: machine.driftPairs(of: site).map { pair in
                API.DriftPair(
                    standby: pair.standbyName.text,
                    standbySite: pair.standbySite.text,
                    production: pair.productionName.text,
                    productionSite: pair.productionSite.text,
                    sets: pair.sets.map(set)
                )
            }
        )
    }

    private func set(_ view: DriftView) -> DriftSet {
        DriftSet(
            name: view.set.text,
            kind: view.kind.rawValue,
            state: view.state.rawValue,
            reason: view.reason,
            required: view.isRequired,
            show: view.isShown,
            count: view.count,
            differences: view.differences.map { difference in
                DriftDifference(
                    path: difference.path,
                    aspects: difference.aspects.map(\.rawValue),
                    standby: difference.standby.map(entry),
                    production: difference.production.map(entry)
                )
            },
            entries: view.entries,
            comparedAt: view.comparedAt?.iso8601,
            since: view.since?.iso8601,
            ageMilliseconds: view.age.map { UInt64(max(0, $0.wholeMilliseconds)) }
        )
    }

    /// Without the digest: of a short secret it would give away too much.
    private func entry(_ entry: FileEntry) -> DriftEntry {
        DriftEntry(
            kind: entry.kind.rawValue,
            mode: entry.mode.map { mode in
                let digits = String(mode, radix: 8)
                return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            },
            owner: entry.owner,
            size: entry.size,
            target: entry.target
        )
    }
}
