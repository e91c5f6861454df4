import ServiceKit

/// The operators' tool. Everything but `migrate` goes through the API.
public enum Operator {
    public static let tool = CommandLineTool(
        Command("guanxi", summary: "Runs a Guanxi installation.", subcommands: [Migrate.command]))
}
