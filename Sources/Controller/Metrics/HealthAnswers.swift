import API
import ControllerCore
import HTTPTypes
import Hummingbird
import Meters
import Model

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
    /// about.
    ///
    /// - Parameter site: the one that is asked about; nil for any.
    func activeSite(_ site: String?) async throws -> Response {
        var (answer, doubt) = await driver.read { machine, _ in
            let active = machine.cluster.activeSite
            let answer = ActiveSiteAnswer(
                site: machine.role(of: active) == .active ? active.text : nil,
                epoch: "\(machine.cluster.epoch)",
                status: "active"
            )
            return (answer, !machine.mayAct)
        }
        if doubt {
            answer.status = "not sure which site is active: muster status"
        } else if driver.shortage.isStalled {
            answer.status = "not sure: the journal cannot be written"
        } else if answer.site == nil {
            answer.status = "no site is active: a run is fencing the one that was"
        } else if let site, site != answer.site {
            answer.status = "not active"
        } else {
            return try ConsoleAnswer.json(answer)
        }
        return try ConsoleAnswer.json(answer, status: .serviceUnavailable)
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
