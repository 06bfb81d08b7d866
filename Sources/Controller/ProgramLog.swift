import Logging
import Logs

enum ProgramLog {
    /// The program's logger; called once.
    static func start(_ configuration: ControllerConfiguration) -> Logger {
        let format: StandardErrorHandler.Format =
            switch configuration.logFormat {
            case .json: .json
            case .text: StandardErrorHandler.textFormat
            }
        let level = configuration.logLevel
        return Logger(label: "muster-controller") { label in
            StandardErrorHandler(label: label, level: level, format: format)
        }
    }
}
