import API
import ControllerCore
import Model

// Data sets that are late, unknown or have diverged.

extension StatusView {
    func addDataProblems(_ add: AddProblem) {
        for dataSet in views.dataSets where dataSet.required {
            for site in dataSet.sites { addProblem(of: dataSet, at: site, add) }
        }
    }

    private func addProblem(
        of dataSet: DataSetStatus,
        at site: DataSetAtSite,
        _ add: AddProblem
    ) {
        guard let name = DataSetName(dataSet.name), let place = SiteName(site.site) else { return }
        let entry = views.machine.replication.entries[name]
        let since = entry?.series[place]?.badSince ?? views.now.wall
        let subject = "data set \(name)"
        let mend = "muster replication show \(name)"
        let objective = dataSet.objectiveMilliseconds.map { "(RPO \(Self.time($0)))" }
        switch site.state {
        case "diverged":
            let text = "it has diverged by \(site.divergedBy ?? 0) at site \(place): \(site.text)"
            add(.warning, subject, text, entry?.divergences[place]?.at ?? since, mend)
        case "late":
            guard let objective, let lag = site.lagMilliseconds else { return }
            let text = "site \(place) is \(Self.time(lag)) behind \(objective)"
            add(.warning, subject, text, since, mend)
        case "unknown":
            guard let objective else { return }
            let text = "how far site \(place) is behind is not known \(objective): \(site.text)"
            add(.warning, subject, text, since, mend)
        default: return
        }
    }

    private static func time(_ milliseconds: UInt64) -> String {
        Duration.milliseconds(Int64(clamping: milliseconds)).forPeople
    }
}
