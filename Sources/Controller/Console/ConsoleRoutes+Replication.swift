import API
import ControllerCore
import Hummingbird
import Model
import Protocol

// Data sets: how far each site is behind.

extension ConsoleRoutes {
    func listDataSets(_ request: ConsoleRequest) async throws -> Response {
        try ConsoleAnswer.json(
            await views { DataSetList(asOf: $0.asOf, dataSets: $0.dataSets) }
        )
    }

    func showDataSet(_ request: ConsoleRequest) async throws -> Response {
        let name = try request.name("name", as: DataSetKind.self)
        let (detail, names) = await views { views in
            (views.dataSetDetail(name), views.machine.replication.entries.keys.map(\.text))
        }
        guard let detail else {
            throw API.Failure(
                code: RefusalCode.unknownName.rawValue,
                detail: "there is no data set \(name)",
                mend: NearestName.to(name.text, among: names).map { "did you mean \($0)?" }
                    ?? "muster replication list"
            )
        }
        return try ConsoleAnswer.json(detail)
    }
}
