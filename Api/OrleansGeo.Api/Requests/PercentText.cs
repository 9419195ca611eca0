using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace OrleansGeo.Api.Requests;

/// <summary>
/// Percent-encoded text, read strictly: an escape that is not two hexadecimal digits, and bytes that are not UTF-8, are errors and not
/// text. The framework's readers leave such escapes as they are, which would make two spellings of one key.
/// </summary>
public static class PercentText
{
    /// <summary>Decodes; false when the text is not well formed.</summary>
    public static bool TryDecode(ReadOnlySpan<char> text, bool plusIsSpace, out string decoded)
    {
        if (text.IndexOfAny('%', '+') < 0 && Ascii.IsValid(text))
        {
            decoded = text.ToString();
            return true;
        }

        decoded = "";
        var bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
        try
        {
            if (!TryDecodeBytes(text, plusIsSpace, bytes, out var length) || !Utf8.IsValid(bytes.AsSpan(0, length)))
            {
                return false;
            }

            decoded = Encoding.UTF8.GetString(bytes, 0, length);
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private static bool TryDecodeBytes(ReadOnlySpan<char> text, bool plusIsSpace, Span<byte> bytes, out int length)
    {
        length = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '%')
            {
                if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2]))
                {
                    return false;
                }

                bytes[length++] = Convert.FromHexString(text.Slice(i + 1, 2))[0];
                i += 2;
            }
            else if (char.IsAscii(c))
            {
                bytes[length++] = (byte)(plusIsSpace && c == '+' ? ' ' : c);
            }
            else if (Rune.DecodeFromUtf16(text[i..], out var rune, out var used) == OperationStatus.Done)
            {
                length += rune.EncodeToUtf8(bytes[length..]);
                i += used - 1;
            }
            else
            {
                return false;
            }
        }

        return true;
    }
}
