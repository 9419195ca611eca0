using System.Runtime.InteropServices;

namespace OrleansGeo.Storage.RocksDb;

/// <summary>Errors of the C API: a text the caller must free, whose beginning says of which kind it is.</summary>
internal static unsafe class RocksDbError
{
    /// <summary>The text, freed; null when there was no error.</summary>
    internal static string? Take(byte* error)
    {
        if (error is null)
        {
            return null;
        }

        var text = Marshal.PtrToStringUTF8((nint)error) ?? "";
        RocksDbNative.Free(error);
        return text;
    }

    internal static bool IsCorruption(string text) => text.StartsWith("Corruption", StringComparison.Ordinal);

    internal static bool IsLocked(string text) =>
        text.StartsWith("IO error", StringComparison.Ordinal) && text.Contains("lock", StringComparison.OrdinalIgnoreCase)
        && text.Contains("LOCK", StringComparison.Ordinal);

    internal static bool IsUnknownCompression(string text) =>
        text.StartsWith("Invalid argument", StringComparison.Ordinal) && text.Contains("not linked", StringComparison.Ordinal);
}
