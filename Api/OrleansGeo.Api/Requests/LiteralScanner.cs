using System.Text;

namespace OrleansGeo.Api.Requests;

/// <summary>
/// Comma-separated literals of <c>prefix</c>, <c>from</c>, <c>to</c> and <c>where</c>. A literal is bare, then <c>,</c> and <c>%</c> in it
/// are percent-escaped once more and space around it does not count; or it stands in single quotes, where only <c>''</c> means a quote.
/// </summary>
public ref struct LiteralScanner(ReadOnlySpan<char> text)
{
    private ReadOnlySpan<char> _rest = text;

    /// <summary>True when nothing is left.</summary>
    public readonly bool IsAtEnd => _rest.Trim(' ').IsEmpty;

    /// <summary>Takes characters up to the first of some; false when none of them is left or nothing stands before it.</summary>
    public bool TryTakeName(ReadOnlySpan<char> stops, out string name)
    {
        var end = _rest.IndexOfAny(stops);
        name = end < 0 ? "" : _rest[..end].Trim(' ').ToString();
        _rest = end < 0 ? _rest : _rest[end..];
        return name.Length > 0;
    }

    /// <summary>Takes a comparison operator.</summary>
    public bool TryTakeOperator(out ScanOperator op)
    {
        (op, var length) = _rest switch
        {
            ['<', '=', ..] => (ScanOperator.LessOrEqual, 2),
            ['>', '=', ..] => (ScanOperator.GreaterOrEqual, 2),
            ['!', '=', ..] => (ScanOperator.NotEqual, 2),
            ['<', ..] => (ScanOperator.Less, 1),
            ['>', ..] => (ScanOperator.Greater, 1),
            ['=', ..] => (ScanOperator.Equal, 1),
            _ => (default, 0),
        };
        _rest = _rest[length..];
        return length > 0;
    }

    /// <summary>Takes a literal, and the comma behind it; false when it is not well formed, or a comma has nothing behind it.</summary>
    public bool TryTakeLiteral(out string literal)
    {
        _rest = _rest.TrimStart(' ');
        return _rest is ['\'', ..] ? TryTakeQuoted(out literal) : TryTakeBare(out literal);
    }

    private bool TryTakeBare(out string literal)
    {
        var comma = _rest.IndexOf(',');
        var bare = (comma < 0 ? _rest : _rest[..comma]).TrimEnd(' ');
        _rest = comma < 0 ? [] : _rest[(comma + 1)..];
        literal = "";
        return !bare.IsEmpty && !(comma >= 0 && IsAtEnd) && PercentText.TryDecode(bare, plusIsSpace: false, out literal);
    }

    private bool TryTakeQuoted(out string literal)
    {
        var content = new StringBuilder();
        literal = "";
        _rest = _rest[1..];
        while (true)
        {
            var quote = _rest.IndexOf('\'');
            if (quote < 0)
            {
                return false;
            }

            content.Append(_rest[..quote]);
            _rest = _rest[(quote + 1)..];
            if (_rest is not ['\'', ..])
            {
                break;
            }

            content.Append('\'');
            _rest = _rest[1..];
        }

        literal = content.ToString();
        _rest = _rest.TrimStart(' ');
        if (_rest.IsEmpty)
        {
            return true;
        }

        var isComma = _rest[0] == ',';
        _rest = _rest[1..];
        return isComma && !IsAtEnd;
    }
}
