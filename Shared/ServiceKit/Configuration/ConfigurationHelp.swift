extension Configuration {
    /// The text of `--help`: every key with its meaning, its variable and its default, then examples.
    public static func help(
        program: String, summary: String, keys: [AnyConfigurationKey], examples: [(command: String, meaning: String)]
    ) -> String {
        var text = "\(program): \(summary)\n\nUsage: \(program) [--name value …]\n\n"
        text += "Settings (a flag beats the environment, which beats the file, which beats the default):\n"
        for key in (keys + [AnyConfigurationKey(fileKey)]).sorted(by: { $0.name < $1.name }) {
            text += "\n  --\(key.name)\n"
            text += "      \(key.help)\n"
            text += "      expects \(key.expectation); \(defaultText(of: key))\n"
            if let example = key.example { text += "      example: \(example)\n" }
            let alias = key.environmentAlias.map { " or \($0)" } ?? ""
            text += "      environment: \(key.environmentName)\(alias)\n"
        }
        guard !examples.isEmpty else { return text }
        text += "\nExamples:\n"
        for example in examples { text += "\n  \(example.command)\n      \(example.meaning)\n" }
        return text
    }

    private static func defaultText(of key: AnyConfigurationKey) -> String {
        switch key.defaultText {
        case nil: "required"
        case ""?: "not set by default"
        case let text?: "default \(text)"
        }
    }
}
