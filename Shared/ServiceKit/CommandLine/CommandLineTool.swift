import Foundation
import Runtime

/// A command-line tool: reads the command line, runs what it names, and says how it ended.
public struct CommandLineTool: Sendable {
    private let root: Command

    public init(_ root: Command) { self.root = root }

    /// Runs the process's command line and ends the process with the exit code.
    ///
    /// SIGINT and SIGTERM cancel the command, which tidies up; a second one ends the process at once.
    public func main() async -> Never {
        let words = Array(CommandLine.arguments.dropFirst())
        let loop = EventLoopGroup(count: 1, name: "command").next()
        // Not on the loop, which a slow reader of the output would stop.
        let command = Task(executorPreference: globalConcurrentExecutor) {
            await run(words, environment: ProcessInfo.processInfo.environment, console: .standard)
        }
        let signals = SignalStream(on: loop).makeAsyncIterator()
        Task(executorPreference: loop) {
            var signals = signals
            while await signals.next() != nil {
                if command.isCancelled { _exit(ExitCode.interrupted.rawValue) }
                command.cancel()
            }
        }
        // `_exit`, because destructors of C++ libraries must not run beside loops that still turn.
        _exit(await command.value.rawValue)
    }

    /// Runs a command line. Failures are told in one sentence on the console's second stream.
    public func run(_ words: [String], environment: [String: String], console: Console) async -> ExitCode {
        do {
            switch try CommandParser(root: root, environment: environment, console: console).parse(words) {
            case .help(let path):
                console.write(CommandHelp.text(path))
                return .success
            case .run(let command, let invocation):
                try await command.run?(invocation)
                return .success
            }
        } catch let failure as CommandFailure {
            let advice = failure.pointsToHelp ? "; \(commandName(in: words)) --help shows how" : ""
            console.note("\(root.name): \(failure)\(advice)\n")
            return failure.code
        } catch is CancellationError {
            console.note("\(root.name): stopped\n")
            return .interrupted
        } catch {
            console.note("\(root.name): \(error)\n")
            return .failure
        }
    }
}

extension CommandLineTool {
    /// The command that the words name, as far as they name one.
    private func commandName(in words: [String]) -> String {
        var (command, name) = (root, root.name)
        for word in words {
            guard let next = command.subcommands.first(where: { $0.name == word }) else { continue }
            command = next
            name += " \(word)"
        }
        return name
    }
}

/// Writes the text of `--help`.
enum CommandHelp {
    static func text(_ path: [Command]) -> String {
        let command = path[path.count - 1]
        let name = path.map(\.name).joined(separator: " ")
        var text = "\(command.summary)\n\nUsage: \(name)\(usage(command))\n"
        text += section("Commands", command.subcommands.map { ($0.name, $0.summary) })
        text += section("Arguments", command.arguments.map { ($0.name, $0.help) })
        text += section("Options", (path.flatMap(\.options) + CommandParser.common).map { (title($0), meaning($0)) })
        if !command.examples.isEmpty {
            text += "\nExamples:\n"
            for example in command.examples { text += "  \(example.command)\n      \(example.meaning)\n" }
        }
        return text
    }

    private static func usage(_ command: Command) -> String {
        if command.run == nil { return " <command> [options]" }
        let words = command.arguments.map { argument in
            let word = argument.name + (argument.isRepeatable ? " …" : "")
            return argument.isRequired ? " <\(word)>" : " [\(word)]"
        }
        return words.joined() + " [options]"
    }

    private static func section(_ title: String, _ lines: [(String, String)]) -> String {
        guard !lines.isEmpty else { return "" }
        let width = min(32, lines.map { $0.0.displayWidth }.max() ?? 0)
        return lines.reduce("\n\(title):\n") { $0 + "  \($1.0.padded(to: width))  \($1.1)\n" }
    }

    private static func title(_ option: Command.Option) -> String {
        let short = option.short.map { "-\($0), " } ?? ""
        return "\(short)--\(option.name)" + (option.value.map { " \($0.uppercased())" } ?? "")
    }

    private static func meaning(_ option: Command.Option) -> String {
        var notes: [String] = []
        if !option.choices.isEmpty { notes.append("one of \(option.choices.joined(separator: ", "))") }
        if let value = option.defaultValue { notes.append("default \(value)") }
        if let variable = option.environment { notes.append("or the variable \(variable)") }
        if option.isRequired { notes.append("required") }
        return option.help + (notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")
    }
}
