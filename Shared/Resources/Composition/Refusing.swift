import Contracts
import Entities
import HTTP
import JSON

extension Problem {
    /// A refused step of a conversion explains itself in both languages: it is kept, and read by people of either.
    func refusing(_ schema: ObjectSchema) -> Problem {
        var problem = self
        problem.extras["refusal"] = refusal(schema).json
        return problem
    }

    private func refusal(_ schema: ObjectSchema) -> ConversionRefusal {
        let fields = errors.map { error in
            let name = error.path.split(separator: "/").first.map(String.init)
            return (error, name.flatMap { schema[$0] })
        }
        var refusal = ConversionRefusal(code: type.code, en: detail.english, zh: detail.chinese)
        if !fields.isEmpty {
            let told = fields.prefix(10)
            refusal.en = told.map { error, field in (field.map { "\($0.en): " } ?? "") + error.message.english }
                .joined(separator: " ")
            refusal.zh = told.map { error, field in (field.map { "\($0.zh)：" } ?? "") + error.message.chinese }.joined()
        }
        refusal.errors = errors.map { error in
            var told = ConversionFieldError()
            (told.path, told.code) = (error.path, error.code)
            (told.en, told.zh) = (error.message.english, error.message.chinese)
            return told
        }
        return refusal
    }
}
