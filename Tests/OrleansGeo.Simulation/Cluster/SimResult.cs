namespace OrleansGeo.Simulation;

/// <summary>What a run came to.</summary>
/// <param name="Seed">Its seed.</param>
/// <param name="Failure">What is wrong, or null.</param>
/// <param name="Digest">Equal for runs that went alike.</param>
/// <param name="Operations">Operations in the history.</param>
/// <param name="Served">Requests that were served.</param>
/// <param name="Events">Events of the world.</param>
/// <param name="VirtualMicros">Virtual time the run took.</param>
/// <param name="Run">The run, for a closer look.</param>
public sealed record SimResult(
    ulong Seed, string? Failure, ulong Digest, int Operations, int Served, long Events, long VirtualMicros, SimRun Run);
