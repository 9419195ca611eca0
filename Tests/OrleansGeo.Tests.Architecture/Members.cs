using System.Text.RegularExpressions;

namespace OrleansGeo.Tests.Architecture;

/// <summary>A function, property or other member, or a type when <see cref="TypeName"/> is set. Lines count from 1.</summary>
public sealed record Member(string Header, int FirstLine, int LastLine, string? TypeName)
{
    public int LineCount => LastLine - FirstLine + 1;
}

/// <summary>Finds types and members in code whose strings and comments are blanked, by counting brackets.</summary>
public static partial class Members
{
    public static IReadOnlyList<Member> Of(string code)
    {
        var found = new List<Member>();
        Body(code, 0, code.Length, found);
        return found;
    }

    private static void Body(string code, int start, int end, List<Member> found)
    {
        while (start < end)
        {
            if (char.IsWhiteSpace(code[start]) || code[start] is ';' or '}')
            {
                start++;
                continue;
            }

            var (last, brace) = EndOf(code, start, end);
            var header = Spaces().Replace(code[start..(brace < 0 ? last + 1 : brace)], " ").Trim();
            var type = TypeName().Match(DeclarationPart(header));
            var space = header.StartsWith("namespace ", StringComparison.Ordinal);
            if (!space)
            {
                found.Add(new(header, LineOf(code, start), LineOf(code, last), type.Success ? type.Groups["name"].Value : null));
            }

            if (brace >= 0 && (space || (type.Success && type.Groups["kind"].Value != "enum")))
            {
                Body(code, brace + 1, last, found);
            }

            start = last + 1;
        }
    }

    // A member ends at its closing brace; once it has an = or => it ends at the semicolon.
    private static (int Last, int Brace) EndOf(string code, int start, int end)
    {
        var depth = 0;
        var brace = -1;
        var isValue = false;
        for (var i = start; i < end; i++)
        {
            switch (code[i])
            {
                case '(' or '[':
                    depth++;
                    break;
                case '{':
                    brace = depth == 0 && !isValue && brace < 0 ? i : brace;
                    depth++;
                    break;
                case ')' or ']':
                    depth--;
                    break;
                case '}':
                    depth--;
                    if (depth == 0 && !isValue)
                    {
                        return (i, brace);
                    }

                    break;
                case '=' when depth == 0 && !IsOperatorName(code, start, i):
                    isValue = true;
                    break;
                case ';' when depth == 0:
                    return (i, brace);
            }
        }

        return (end - 1, brace);
    }

    private static bool IsOperatorName(string code, int start, int at) =>
        code[start..at].Split("operator") is { Length: > 1 } parts && !parts[^1].Contains('(');

    // What stands before parameters, bases, constraints and values; a constraint may say "class" too.
    private static string DeclarationPart(string header)
    {
        var text = Attributes().Replace(header, "");
        var at = text.IndexOfAny(['(', ':', '=']);
        at = at < 0 ? text.Length : at;
        return text[..at].Split(" where ")[0];
    }

    private static int LineOf(string code, int at) => code.AsSpan(0, at).Count('\n') + 1;

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"^(\s*\[[^\]]*\])+")]
    private static partial Regex Attributes();

    [GeneratedRegex(@"\b(?<kind>class|interface|enum|record struct|record class|struct|record|extension) *(?<name>[A-Za-z_]\w*)?")]
    private static partial Regex TypeName();
}
