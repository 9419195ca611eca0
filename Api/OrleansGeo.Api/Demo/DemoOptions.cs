using System.Net;

namespace OrleansGeo.Api.Demo;

/// <summary>What the demo is told.</summary>
public sealed record DemoOptions
{
    /// <summary>The front door's port when none is given.</summary>
    public const int DefaultPort = 7100;

    /// <summary>Where the front door listens; node k listens on the k-th port after it.</summary>
    public int HttpPort { get; init; } = DefaultPort;

    /// <summary>The address that all of them listen on.</summary>
    public IPAddress Bind { get; init; } = IPAddress.Loopback;

    /// <summary>Where the nodes keep their data; null for memory.</summary>
    public string? Data { get; init; }

    /// <summary>The region in which the front door stands.</summary>
    public string FrontRegion { get; init; } = "us-east1";

    /// <summary>
    /// The collector that metrics and spans are sent to over HTTP; null for what OpenTelemetry's environment variables say, if anything.
    /// </summary>
    public Uri? OtlpEndpoint { get; init; }

    /// <summary>How long old versions of rows are kept; null for as long as nodes do by themselves.</summary>
    public TimeSpan? KeepVersions { get; init; }

    /// <summary>What to load: <c>iso</c> or nothing.</summary>
    public string? Load { get; init; }

    /// <summary>The script to run; null to serve until stopped.</summary>
    public string? Script { get; init; }
}

/// <summary>The demo cannot start as it was asked to; the message is one sentence for the user.</summary>
public sealed class DemoRefusedException(string message) : Exception(message);
