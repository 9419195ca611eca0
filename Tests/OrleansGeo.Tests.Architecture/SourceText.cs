using System.Text;

namespace OrleansGeo.Tests.Architecture;

/// <summary>A comment: the line it stands on, from 1, and its text without the slashes.</summary>
public sealed record Comment(int Line, string Text, bool IsDocumentation);

/// <summary>
/// C# cut into code and comments. In the code every comment, string, character and directive is blanked, so that positions stay and braces,
/// words and lines can be counted. It knows the language's quoting, and no more of its grammar.
/// </summary>
public sealed class SourceText
{
    private readonly string _text;
    private readonly StringBuilder _code;
    private readonly List<Comment> _comments = [];
    private int _at;
    private int _line = 1;

    private SourceText(string text)
    {
        _text = text;
        _code = new(text.Length);
    }

    public static (string Code, IReadOnlyList<Comment> Comments) Split(string text)
    {
        var source = new SourceText(text);
        while (source._at < text.Length)
        {
            source.Next();
        }

        return (source._code.ToString(), source._comments);
    }

    private void Next()
    {
        if (Sees("//"))
        {
            var line = _line;
            var text = Blank(LineEnd() - _at);
            var documents = text.StartsWith("///", StringComparison.Ordinal);
            _comments.Add(new(line, text[(documents ? 3 : 2)..].Trim(), documents));
        }
        else if (Sees("/*"))
        {
            var line = _line;
            var end = _text.IndexOf("*/", _at + 2, StringComparison.Ordinal);
            var block = Blank((end < 0 ? _text.Length : end + 2) - _at);
            _comments.AddRange(block.Split('\n').Select((text, i) => new Comment(line + i, text.Trim('/', '*', ' '), false)));
        }
        else if (_text[_at] == '#' && IsFirstOnLine())
        {
            Blank(LineEnd() - _at);
        }
        else if (_text[_at] == '\'')
        {
            Blank(CharacterLength());
        }
        else if (!TryBlankString())
        {
            Keep();
        }
    }

    // $, @ and quotes in any order that begins a string; anything else is left alone.
    private bool TryBlankString()
    {
        var start = _at;
        while (start < _text.Length && _text[start] is '$' or '@')
        {
            start++;
        }

        if (start >= _text.Length || _text[start] != '"')
        {
            return false;
        }

        var prefix = _text[_at..start];
        var quotes = Run('"', start);
        if (quotes >= 3)
        {
            var end = _text.IndexOf(new string('"', quotes), start + quotes, StringComparison.Ordinal);
            Blank((end < 0 ? _text.Length : end + Run('"', end)) - _at);
        }
        else
        {
            Blank(start + 1 - _at);
            BlankQuoted(prefix.Contains('@'), prefix.Contains('$'));
        }

        return true;
    }

    private void BlankQuoted(bool verbatim, bool interpolated)
    {
        while (_at < _text.Length)
        {
            if ((verbatim && Sees("\"\"")) || (!verbatim && Sees("\\")) || (interpolated && (Sees("{{") || Sees("}}"))))
            {
                Blank(2);
            }
            else if (interpolated && Sees("{"))
            {
                BlankHole();
            }
            else if (Blank(1) == "\"")
            {
                return;
            }
        }
    }

    // A hole holds code, with strings of its own.
    private void BlankHole()
    {
        var depth = 0;
        while (_at < _text.Length)
        {
            if (_text[_at] == '\'')
            {
                Blank(CharacterLength());
            }
            else if (!TryBlankString())
            {
                depth += Blank(1) switch { "{" => 1, "}" => -1, _ => 0 };
                if (depth == 0)
                {
                    return;
                }
            }
        }
    }

    private int CharacterLength()
    {
        var end = _text.IndexOf('\'', _at + (_text[Math.Min(_at + 1, _text.Length - 1)] == '\\' ? 3 : 2));
        return (end < 0 ? _text.Length : end + 1) - _at;
    }

    private string Blank(int length)
    {
        var end = Math.Min(_text.Length, _at + length);
        var blanked = _text[_at..end];
        foreach (var c in blanked)
        {
            _code.Append(c == '\n' ? '\n' : ' ');
            _line += c == '\n' ? 1 : 0;
        }

        _at = end;
        return blanked;
    }

    private void Keep()
    {
        _line += _text[_at] == '\n' ? 1 : 0;
        _code.Append(_text[_at++]);
    }

    private bool Sees(string what) => string.CompareOrdinal(_text, _at, what, 0, what.Length) == 0;

    private int Run(char what, int start)
    {
        var end = start;
        while (end < _text.Length && _text[end] == what)
        {
            end++;
        }

        return end - start;
    }

    private int LineEnd() => _text.IndexOf('\n', _at) is var end && end < 0 ? _text.Length : end;

    private bool IsFirstOnLine()
    {
        for (var i = _at - 1; i >= 0 && _text[i] != '\n'; i--)
        {
            if (!char.IsWhiteSpace(_text[i]))
            {
                return false;
            }
        }

        return true;
    }
}
