using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace OrleansGeo.Primitives;

/// <summary>A rule of the protocol does not hold: a bug. The replica that meets it stops; its peers go on.</summary>
public sealed class InvariantViolationException(string message) : Exception(message);

/// <summary>Assertions that stay on in production and print their own text.</summary>
public static class Invariant
{
    /// <summary>Throws <see cref="InvariantViolationException"/> with the condition's own text unless it holds.</summary>
    public static void Holds(
        [DoesNotReturnIf(false)] bool condition,
        [CallerArgumentExpression(nameof(condition))] string text = "",
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        if (!condition)
        {
            Fail(text, file, line);
        }
    }

    /// <summary>Reports a state that no input may lead to.</summary>
    [DoesNotReturn]
    public static void Fail(string text, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
    {
        var name = file.AsSpan(file.AsSpan().LastIndexOfAny('/', '\\') + 1);
        throw new InvariantViolationException($"invariant does not hold: {text} ({name}:{line})");
    }
}
