"""Programs that run a spiking network on a simulator. They import NumPy and the simulator only.

`python drivers network.npz recording.npz on_nest` may be run by another Python, in which this
package is not installed.
"""
