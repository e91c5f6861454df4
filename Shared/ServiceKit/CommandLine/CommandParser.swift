/// Finds the command and reads its options and words, as `getopt_long` would: `--name value`, `--name=value`,
/// `-n value`, options anywhere, `--` before words that begin with a hyphen.
struct CommandParser {
    /// What a command line asks for.
    enum Parsed {
        case run(Command, Invocation)
        case help(path: [Command])
    }

    static let common = [
        Command.Option("help", short: "h", help: "Show this help."),
        Command.Option("json", help: "Answer in JSON, for programs."),
    ]

    let root: Command
    let environment: [String: String]
    let console: Console

    func parse(_ words: [String]) throws(CommandFailure) -> Parsed {
        var path = [root]
        var rest = words[...]
        var options: [String: [String]] = [:]
        var arguments: [String] = []
        var onlyArguments = false
        while let word = rest.popFirst() {
            let command = path[path.count - 1]
            if !onlyArguments, word == "--" {
                onlyArguments = true
            } else if !onlyArguments, word.hasPrefix("-"), word.count > 1 {
                let (option, value) = try option(word, &rest, known: path.flatMap(\.options) + Self.common)
                options[option.name, default: []].append(value)
            } else if command.run == nil {
                guard let next = command.subcommands.first(where: { $0.name == word }) else {
                    if word == "help" { return .help(path: path) }
                    let hint = Spelling.hint(for: word, among: command.subcommands.map(\.name))
                    throw .usage("\"\(word)\" is not a command of \(name(path))\(hint)")
                }
                path.append(next)
            } else {
                arguments.append(word)
            }
        }
        let command = path[path.count - 1]
        if options["help"] != nil || command.run == nil { return .help(path: path) }
        try check(arguments, command, path)
        let complete = try completed(options, known: path.flatMap(\.options))
        return .run(command, Invocation(options: complete, arguments: arguments, console: console))
    }

    private func option(
        _ word: String, _ rest: inout ArraySlice<String>, known: [Command.Option]
    ) throws(CommandFailure) -> (Command.Option, String) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let found = known.first { option in
            parts[0] == "--\(option.name)" || option.short.map { parts[0] == "-\($0)" } ?? false
        }
        guard let found else {
            let hint = Spelling.hint(for: parts[0], among: known.map { "--\($0.name)" })
            throw .usage("\(parts[0]) is not an option here\(hint)")
        }
        guard let placeholder = found.value else {
            guard parts.count == 1 else { throw .usage("--\(found.name) takes no value") }
            return (found, "")
        }
        guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
            throw .usage("--\(found.name) needs a value: \(placeholder)")
        }
        try check(value, of: found, named: "--\(found.name)")
        return (found, value)
    }

    private func check(_ value: String, of option: Command.Option, named name: String) throws(CommandFailure) {
        guard option.choices.isEmpty || option.choices.contains(value) else {
            throw .usage("\(name) is \"\(value)\": expected one of \(option.choices.joined(separator: ", "))")
        }
    }

    private func check(_ arguments: [String], _ command: Command, _ path: [Command]) throws(CommandFailure) {
        let required = command.arguments.filter(\.isRequired)
        if arguments.count < required.count {
            throw .usage("\(name(path)) needs \(required[arguments.count].name): \(required[arguments.count].help)")
        }
        if arguments.count > command.arguments.count, command.arguments.last?.isRepeatable != true {
            throw .usage("\"\(arguments[command.arguments.count])\" is one word too many for \(name(path))")
        }
    }

    /// Adds what the environment and the defaults say.
    private func completed(
        _ given: [String: [String]], known: [Command.Option]
    ) throws(CommandFailure) -> [String: [String]] {
        var options = given
        for option in known where options[option.name] == nil {
            let fallback = option.environment.flatMap { environment[$0] } ?? option.defaultValue
            if let fallback, option.value != nil {
                try check(fallback, of: option, named: option.environment ?? "--\(option.name)")
                options[option.name] = [fallback]
            } else if option.isRequired {
                let variable = option.environment.map { " (or the variable \($0))" } ?? ""
                throw .usage("--\(option.name)\(variable) is missing: \(option.help)")
            }
        }
        for option in known where !option.isRepeatable && (given[option.name]?.count ?? 0) > 1 {
            throw .usage("--\(option.name) is given more than once")
        }
        return options
    }

    private func name(_ path: [Command]) -> String { path.map(\.name).joined(separator: " ") }
}
