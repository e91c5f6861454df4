/// One command of a tool, with what it takes and its subcommands.
public struct Command: Sendable {
    public typealias Run = @Sendable (Invocation) async throws -> Void

    /// An option `--name value`, or a switch `--name`.
    public struct Option: Sendable {
        public let name: String
        public let short: Character?
        /// What the value is, shown in capitals; nil makes a switch.
        public let value: String?
        public let help: String
        public let defaultValue: String?
        /// The environment variable read when the option is absent.
        public let environment: String?
        /// The texts allowed; empty allows any.
        public let choices: [String]
        public let isRequired: Bool
        public let isRepeatable: Bool

        public init(
            _ name: String, short: Character? = nil, value: String? = nil, default defaultValue: String? = nil,
            environment: String? = nil, choices: [String] = [], isRequired: Bool = false, isRepeatable: Bool = false,
            help: String
        ) {
            (self.name, self.short, self.value, self.help) = (name, short, value, help)
            (self.defaultValue, self.environment, self.choices) = (defaultValue, environment, choices)
            (self.isRequired, self.isRepeatable) = (isRequired, isRepeatable)
        }
    }

    /// A word that is not an option.
    public struct Argument: Sendable {
        public let name: String
        public let help: String
        public let isRequired: Bool
        /// Takes all the words that are left.
        public let isRepeatable: Bool

        public init(_ name: String, isRequired: Bool = true, isRepeatable: Bool = false, help: String) {
            (self.name, self.help, self.isRequired, self.isRepeatable) = (name, help, isRequired, isRepeatable)
        }
    }

    public let name: String
    public let summary: String
    public let options: [Option]
    public let arguments: [Argument]
    public let examples: [(command: String, meaning: String)]
    public let subcommands: [Command]
    let run: Run?

    /// A command that does something.
    public init(
        _ name: String, summary: String, arguments: [Argument] = [], options: [Option] = [],
        examples: [(command: String, meaning: String)] = [], run: @escaping Run
    ) {
        (self.name, self.summary, self.options, self.arguments) = (name, summary, options, arguments)
        (self.examples, self.subcommands, self.run) = (examples, [], run)
    }

    /// A command that groups others. Its options are its subcommands' too.
    public init(
        _ name: String, summary: String, options: [Option] = [],
        examples: [(command: String, meaning: String)] = [], subcommands: [Command]
    ) {
        (self.name, self.summary, self.options, self.arguments) = (name, summary, options, [])
        (self.examples, self.subcommands, self.run) = (examples, subcommands, nil)
    }
}

/// What a command was called with.
public struct Invocation: Sendable {
    let options: [String: [String]]
    /// The words that are not options, in order.
    public let arguments: [String]
    public let console: Console

    /// The value of an option, its default, or nil.
    public subscript(option: String) -> String? { options[option]?.last }

    /// All values of a repeatable option.
    public func all(_ option: String) -> [String] { options[option] ?? [] }

    /// Whether a switch was given.
    public func has(_ flag: String) -> Bool { options[flag] != nil }

    /// Whether answers are for programs: `--json`.
    public var isJSON: Bool { has("json") }

    /// The value of an option that is required here.
    public func required(_ option: String) throws(CommandFailure) -> String {
        guard let value = self[option], !value.isEmpty else { throw .usage("--\(option) is missing") }
        return value
    }

    /// The value of an option as a whole number within a range.
    public func number(_ option: String, in range: ClosedRange<Int>) throws(CommandFailure) -> Int? {
        guard let text = self[option] else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw .usage(
                "--\(option) is \"\(text)\": expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Asks before something that cannot be undone; `--yes` answers for programs.
    public func confirm(_ question: String) throws(CommandFailure) {
        if has("yes") { return }
        guard console.isInteractive else {
            throw CommandFailure("\(question) Nobody is there to be asked: give --yes to confirm", code: .usage)
        }
        console.note("\(question) [y/N] ")
        guard ["y", "yes"].contains(console.readLine()?.lowercased() ?? "") else {
            throw CommandFailure("nothing was done", code: .failure)
        }
    }
}

/// How a command ends for the shell.
public enum ExitCode: Int32, Sendable {
    case success = 0
    /// What was asked could not be done.
    case failure = 1
    /// The command line is wrong.
    case usage = 2
    /// A server could not be reached; trying again later may help.
    case unavailable = 3
    /// It was done, and something remains that it could not do anything about.
    case incomplete = 4
    /// It was told to stop (Ctrl-C, SIGTERM) and did.
    case interrupted = 130
}

/// Ends a command with a sentence for the person.
public struct CommandFailure: Error, CustomStringConvertible, Equatable {
    public let description: String
    public let code: ExitCode
    /// Whether the command's help says more.
    public let pointsToHelp: Bool

    public init(_ description: String, code: ExitCode = .failure) {
        (self.description, self.code, pointsToHelp) = (description, code, false)
    }

    private init(mistake description: String) {
        (self.description, code, pointsToHelp) = (description, .usage, true)
    }

    /// A mistake in the command line.
    public static func usage(_ description: String) -> CommandFailure { CommandFailure(mistake: description) }
}
