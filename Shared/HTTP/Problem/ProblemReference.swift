/// The page that explains every problem, made from the catalogue.
public enum ProblemReference {
    /// `docs/errors.md`: one heading per code, so that a problem's `type` leads to its explanation.
    public static func markdown(_ types: [ProblemType]) -> String {
        var lines = [
            "# Errors",
            "",
            "Every error is an `application/problem+json` object (RFC 9457). Program against `status` and `code`; `title`,",
            "`detail` and the messages in `errors` are for people, in English or Chinese by `Accept-Language`.",
            "`requestId` names the request in our logs. Made from the error catalogue; do not edit.",
            "",
        ]
        for type in types.sorted(by: { ($0.status, $0.code) < ($1.status, $1.code) }) {
            lines += [
                "## <a id=\"\(type.code)\"></a>`\(type.code)`", "",
                "**\(type.status)** · \(type.title(.english)) · \(type.title(.chinese))", "",
                "- \(type.advice(.english))", "- \(type.advice(.chinese))", "",
            ]
        }
        return lines.joined(separator: "\n")
    }
}
