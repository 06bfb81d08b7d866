import API
import ControllerCore
import HTTPTypes
import Hummingbird
import Meters
import Model
import Protocol

/// What load balancers and service managers are answered, at the console's address and at that where
/// the controller is observed.
struct HealthAnswers {
    let driver: Driver

    /// The process runs and answers. Nothing is asked of the thread that decides.
    func live() throws -> Response {
        try ConsoleAnswer.json(ProbeAnswer(status: "alive"))
    }

    /// It decides, may act, and what it decides becomes durable.
    func ready() async throws -> Response {
        let problem = await driver.read { machine, _ -> String? in
            if !machine.mayAct {
                return machine.doubt == nil
                    ? "it waits for a word after a restore" : "a node has shown a higher epoch"
            }
            return machine.isJournalLate ? "the journal is late" : nil
        }
        let said = driver.shortage.isStalled ? "the journal cannot be written" : problem
        return try ConsoleAnswer.json(
            ProbeAnswer(status: said.map { "not ready: \($0)" } ?? "ready"),
            status: said == nil ? .ok : .serviceUnavailable
        )
    }

    /// Which site is active; 503 while none is, while it is not sure, and where another one was asked
    /// about; 404 where there is no such site.
    ///
    /// - Parameter site: the one that is asked about; nil for any.
    func activeSite(_ site: String?) async throws -> Response {
        let isStalled = driver.shortage.isStalled
        let answer = await driver.read { machine, _ in
            Self.activeSite(of: machine, isStalled: isStalled, asked: site)
        }
        switch answer {
        case .success(let answer):
            return try ConsoleAnswer.json(
                answer,
                status: answer.status == Self.active ? .ok : .serviceUnavailable
            )
        case .failure(let failure): return ConsoleAnswer.failure(failure)
        }
    }

    private static let active = "active"

    static func activeSite(
        of machine: ControllerMachine,
        isStalled: Bool,
        asked: String?
    ) -> Result<ActiveSiteAnswer, API.Failure> {
        let names = machine.sites.keys.map(\.text)
        if let asked, !names.contains(asked) {
            let failure = API.Failure(
                code: RefusalCode.unknownName.rawValue,
                detail: "there is no site \(kept(asked, bytesMax: 100))",
                mend: NearestName.to(asked, among: names).map { "did you mean \($0)?" } ?? ""
            )
            return .failure(failure)
        }
        let active = machine.cluster.activeSite
        var answer = ActiveSiteAnswer(
            site: machine.role(of: active) == .active ? active.text : nil,
            asked: asked,
            epoch: "\(machine.cluster.epoch)",
            status: Self.active
        )
        if !machine.mayAct || isStalled {
            answer.site = nil
            answer.status =
                machine.mayAct
                ? "not sure: the journal cannot be written"
                : "not sure which site is active: muster status"
        } else if answer.site == nil {
            answer.status = "no site is active: a run is fencing the one that was"
        } else if let asked, asked != active.text {
            answer.status = "site \(asked) is not active: \(active) is"
        }
        return .success(answer)
    }
}

extension MetricsDesk {
    nonisolated func answer(accepting accept: String?) async -> Response {
        let format = ExpositionFormat(accepting: accept)
        let bytes = await page(format)
        return Response(
            status: .ok,
            headers: [.contentType: format.contentType, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
        )
    }
}
