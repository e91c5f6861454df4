import ServiceKit

/// The operators' tool. Everything but `migrate`, `recover`, `tenant backup`, `restore` and `move` goes through the
/// API.
public enum Operator {
    public static let tool = CommandLineTool(
        Command(
            "guanxi", summary: "Runs a Guanxi installation.",
            options: [
                .init(
                    "url", value: "url", default: "http://127.0.0.1:8080", environment: "GUANXI_URL",
                    help: "The gateway's address."),
                .init("operator-key", value: "key", environment: "GUANXI_OPERATOR_KEY", help: "The operator's key."),
            ],
            examples: [
                (command: "guanxi status", meaning: "Whether everything runs and keeps up."),
                (command: "guanxi tenant create nanhua --name 南华文化", meaning: "A new tenant."),
                (command: "guanxi api-key create --tenant nanhua --role admin", meaning: "A key for a program."),
            ],
            subcommands: [
                Migrate.command, TenantCommands.command, AccessCommands.apiKey, UserCommands.command,
                ImportCommand.command, AnalyticsCommands.command, StatusCommand.command,
                DeadLetterCommands.command, TopicCommands.command, IsolationCommands.command, RecoverCommand.command,
            ]))
}
