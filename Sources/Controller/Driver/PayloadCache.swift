import ControllerCore
import Model

/// Payloads of tasks that were accepted not long ago: most tasks go to a node at once, and their
/// payloads need not be read back from the store. The oldest make room for new ones.
struct PayloadCache {
    /// Of all payloads in it.
    static let bytesMax = 64 << 20

    let limit: Int
    private(set) var bytes = 0
    private var payloads: [TaskID: [UInt8]] = [:]
    /// In the order in which they came; those that are gone are passed over.
    private var order: [TaskID] = []
    private var orderFrom = 0

    init(limit: Int = PayloadCache.bytesMax) {
        self.limit = limit
    }

    subscript(task: TaskID) -> [UInt8]? { payloads[task] }

    var count: Int { payloads.count }

    /// Sees what is written of tasks.
    mutating func note(_ journal: [JournalEntry]) {
        for entry in journal {
            switch entry {
            case .put(.task(let record)): insert(record.id, record.inlinePayload)
            case .payload(let task, let payload): insert(task, payload)
            case .put(.taskEnd(let record)): remove(record.id)
            case .put, .delete, .event, .audit, .payloadGone, .output, .taskKey: break
            }
        }
    }

    mutating func insert(_ task: TaskID, _ payload: [UInt8]) {
        guard !payload.isEmpty, payload.count <= limit, payloads[task] == nil else { return }
        payloads[task] = payload
        bytes += payload.count
        order.append(task)
        while bytes > limit {
            remove(order[orderFrom])
            orderFrom += 1
        }
        if orderFrom > 1_000, orderFrom * 2 > order.count { tidy() }
        // Ended tasks leave holes in the order.
        if order.count > 2 * payloads.count + 4_096 { tidy() }
    }

    mutating func remove(_ task: TaskID) {
        guard let payload = payloads.removeValue(forKey: task) else { return }
        bytes -= payload.count
    }

    private mutating func tidy() {
        order = order[orderFrom...].filter { payloads[$0] != nil }
        orderFrom = 0
    }
}
