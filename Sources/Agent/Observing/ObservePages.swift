import AgentCore
import Meters
import Model

/// What is answered at the address where the agent is observed.
struct ObservePages {
    private let meters: AgentMeters

    init(_ meters: AgentMeters) {
        self.meters = meters
    }

    func answer(_ request: HTTPRequestHead, at now: Instant) -> [UInt8] {
        var answer: HTTPAnswer
        switch request.path {
        case "/metrics":
            let format = ExpositionFormat(accepting: request.accept)
            answer = HTTPAnswer(
                .ok,
                contentType: format.contentType,
                meters.page(format, at: now)
            )
        case "/health":
            let (verdict, reason) = meters.traffic.judged(at: now)
            if case .up = verdict {
                answer = HTTPAnswer(.ok, "up\n")
            } else {
                answer = HTTPAnswer(.unavailable, "\(reason)\n")
            }
        default:
            answer = HTTPAnswer(.notFound, "there are /metrics and /health\n")
        }
        answer.isHead = request.isHead
        return answer.bytes
    }
}
